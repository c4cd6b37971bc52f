//! The proxies of endpoints.

use std::net::SocketAddr;

use trunkline_endpoint::AttributeKey;

/// The attribute key of the HTTP proxy through which an endpoint is reached, where its cluster asks for
/// one (`Http11ProxyUpstreamTransport`). Another proxy needs another connection.
///
/// Source: [gRFC A86](https://github.com/grpc/proposal/blob/master/A86-xds-http-connect.md).
#[derive(Debug)]
pub enum HttpProxy {}

impl AttributeKey for HttpProxy {
    type Value = SocketAddr;
    const NAME: &'static str = "http proxy";
    const IDENTIFIES_CONNECTION: bool = true;
}
