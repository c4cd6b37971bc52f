//! What the connector has to know of an address, beside its location.

use std::sync::Arc;

use trunkline_endpoint::{AttributeKey, Endpoint};

use crate::core::HttpProxy;
use crate::core::resources::Cluster;

/// The attribute key of the name of an address's cluster, where clusters choose the transport security
/// ([`CdsFactory::with_cluster_security`](super::CdsFactory::with_cluster_security)).
///
/// What the cluster asks for is no part of it: a change of that is for new connections only. Another
/// cluster needs another connection.
///
/// Source: [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md).
#[derive(Debug)]
pub enum SecuredBy {}

impl AttributeKey for SecuredBy {
    type Value = Arc<str>;
    const NAME: &'static str = "cluster";
    const IDENTIFIES_CONNECTION: bool = true;
}

/// Adds to the addresses of a cluster's endpoints the proxy of the endpoint, if the cluster asks for one,
/// and the name of the cluster, if `is_secured`. Without both, nothing is changed.
pub(super) fn add_facts(endpoints: &mut [Endpoint], cluster: &Cluster, is_secured: bool) {
    if !is_secured && !cluster.http11_proxy {
        return;
    }
    for endpoint in endpoints {
        let proxy = endpoint.attributes().get::<HttpProxy>();
        let proxy = proxy.filter(|_| cluster.http11_proxy);
        if !is_secured && proxy.is_none() {
            continue;
        }
        let addresses = endpoint.addresses().iter().map(|address| {
            let mut facts = address.attributes().clone();
            if is_secured {
                facts = facts.with::<SecuredBy>(Arc::clone(&cluster.name));
            }
            if let Some(proxy) = proxy {
                facts = facts.with::<HttpProxy>(*proxy);
            }
            address.clone().with_attributes(facts)
        });
        *endpoint = Endpoint::new(addresses.collect::<Vec<_>>())
            .with_attributes(endpoint.attributes().clone());
    }
}
