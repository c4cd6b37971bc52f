//! The proxies of endpoints.

use std::net::SocketAddr;

use trunkline_endpoint::AttributeKey;

/// The attribute key of the HTTP proxy of an endpoint. The addresses have it, too, where the cluster asks
/// for a proxy (`Http11ProxyUpstreamTransport`): then they are connected to through it, and another proxy
/// needs another connection.
///
/// Source: [gRFC A86](https://github.com/grpc/proposal/blob/master/A86-xds-http-connect.md).
#[derive(Debug)]
pub enum HttpProxy {}

impl AttributeKey for HttpProxy {
    type Value = SocketAddr;
    const NAME: &'static str = "http proxy";
    const IDENTIFIES_CONNECTION: bool = true;
}
