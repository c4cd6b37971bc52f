//! The host names of a cluster's endpoints, by address.

use std::sync::Arc;

use trunkline_endpoint::{Address, AddressMap};

use crate::core::resources::ClusterEndpoints;
use crate::core::{Hostname, LeafEndpoints, ResolvedCluster};

/// An address is not among the endpoints of its cluster.
#[derive(Debug)]
pub(super) struct NotListed;

/// The host names of a cluster's endpoints, by address. The default has no endpoints.
#[derive(Default)]
pub(super) struct EndpointNames {
    /// The endpoints that the names are from; `None` where they do not come from EDS.
    endpoints: Option<Arc<ClusterEndpoints>>,
    names: Names,
}

enum Names {
    /// Of each address, without its attributes. `None` for an endpoint without a host name.
    ByAddress(AddressMap<Option<Arc<str>>>),
    /// The same for all addresses.
    All(Option<Arc<str>>),
}

impl Default for Names {
    fn default() -> Self {
        Self::ByAddress(AddressMap::new())
    }
}

impl EndpointNames {
    /// Returns the names of a cluster. `earlier` are those of the configuration before, which are used again
    /// if the endpoints are the same.
    pub(super) fn of(resolved: &ResolvedCluster, earlier: Option<&Arc<Self>>) -> Arc<Self> {
        let (endpoints, names) = match resolved {
            ResolvedCluster::Leaf {
                cluster, endpoints, ..
            } => match endpoints {
                LeafEndpoints::Eds(eds) => {
                    if let Some(earlier) = earlier.filter(|earlier| earlier.is_of(eds)) {
                        return Arc::clone(earlier);
                    }
                    (Some(Arc::clone(eds)), Names::ByAddress(by_address(eds)))
                }
                LeafEndpoints::LogicalDns(_) => (None, Names::All(cluster.kind.host_name())),
                LeafEndpoints::Missing(_) => (None, Names::default()),
            },
            ResolvedCluster::Aggregate { .. } => (None, Names::default()),
        };
        Arc::new(Self { endpoints, names })
    }

    /// Returns whether these are the names of `endpoints`.
    fn is_of(&self, endpoints: &Arc<ClusterEndpoints>) -> bool {
        let own = self.endpoints.as_ref();
        own.is_some_and(|own| Arc::ptr_eq(own, endpoints))
    }

    /// Returns the host name of the endpoint that has this address; `None` if it has no host name.
    pub(super) fn name(&self, address: &Address) -> Result<Option<&Arc<str>>, NotListed> {
        match &self.names {
            Names::All(name) => Ok(name.as_ref()),
            Names::ByAddress(names) => {
                let name = names.get(&location(address)).ok_or(NotListed)?;
                Ok(name.as_ref())
            }
        }
    }
}

/// Returns the host names by address. Of endpoints with one address, the first one counts.
fn by_address(eds: &ClusterEndpoints) -> AddressMap<Option<Arc<str>>> {
    let mut names = AddressMap::new();
    let localities = eds.priorities.iter().flatten();
    for endpoint in localities.flat_map(|locality| locality.endpoints.iter()) {
        let name = endpoint.attributes().get::<Hostname>();
        for address in endpoint.addresses() {
            names
                .entry(location(address))
                .or_insert_with(|| name.cloned());
        }
    }
    names
}

/// Returns an address without its server name and attributes.
fn location(address: &Address) -> Address {
    Address::new(address.location().clone())
}
