//! The transport security that clusters ask for, at their addresses.

use std::sync::Arc;

use trunkline_endpoint::{AttributeKey, Endpoint};

use crate::core::Hostname;
use crate::core::resources::UpstreamTls;
use crate::core::san::sent_server_name;

/// The attribute key of the TLS to an address, as its cluster asks for it. Another value needs another
/// connection.
///
/// Source: [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md).
#[derive(Debug)]
pub enum BackendTls {}

/// The TLS to one address.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BackendTlsConfig {
    /// What the cluster asks for.
    pub cluster: Arc<UpstreamTls>,
    /// The server name that is sent; `None` for none.
    pub server_name: Option<Arc<str>>,
}

impl AttributeKey for BackendTls {
    type Value = BackendTlsConfig;
    const NAME: &'static str = "TLS of the cluster";
    const IDENTIFIES_CONNECTION: bool = true;
}

/// Adds the TLS of a cluster to the addresses of its endpoints.
pub(super) fn secure(endpoints: &mut [Endpoint], tls: &UpstreamTls) {
    let cluster = Arc::new(tls.clone());
    for endpoint in endpoints {
        let hostname = endpoint.attributes().get::<Hostname>();
        let config = BackendTlsConfig {
            cluster: Arc::clone(&cluster),
            server_name: sent_server_name(tls, hostname.map(|name| &**name)).map(Arc::from),
        };
        let addresses = endpoint.addresses().iter().map(|address| {
            let attributes = address.attributes().with::<BackendTls>(config.clone());
            address.clone().with_attributes(attributes)
        });
        *endpoint = Endpoint::new(addresses.collect::<Vec<_>>())
            .with_attributes(endpoint.attributes().clone());
    }
}
