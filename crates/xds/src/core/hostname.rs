//! The host names of endpoints.

use std::sync::Arc;

use trunkline_endpoint::AttributeKey;

/// The attribute key of the host name of an endpoint, as the control plane gives it. It is what calls
/// are addressed to where a route rewrites the authority, and what TLS asks for where the cluster sets
/// `auto_host_sni`. A new name never causes a new connection.
///
/// Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).
#[derive(Debug)]
pub enum Hostname {}

impl AttributeKey for Hostname {
    type Value = Arc<str>;
    const NAME: &'static str = "hostname";
    const IDENTIFIES_CONNECTION: bool = false;
}
