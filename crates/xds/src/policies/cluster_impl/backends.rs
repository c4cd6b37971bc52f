//! What is known of each subchannel: where its calls are counted, and its host name.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::uri::Authority;
use trunkline_endpoint::{Address, AddressMap, Endpoint};
use trunkline_lb::{Action, SubchannelId};

use crate::core::Hostname;
use crate::core::resources::LocalityName;
use crate::policies::load_store::{ClusterLoad, LocalityLoad};
use crate::policies::locality::EndpointLocality;

/// What is known of the endpoint of each address, and of the subchannels for it.
///
/// An endpoint keeps its subchannels when it changes its locality or its host name: the new ones are
/// for new calls.
#[derive(Debug, Default)]
pub(super) struct Backends {
    by_address: AddressMap<Backend>,
    /// The addresses of the child's subchannels.
    subchannels: BTreeMap<SubchannelId, Address>,
    /// The counts by locality, of the load that was counted in last.
    counts: BTreeMap<Arc<LocalityName>, Arc<LocalityLoad>>,
}

/// What is known of an endpoint.
#[derive(Clone, Debug)]
struct Backend {
    locality: Arc<LocalityName>,
    /// Its host name, if a call can be addressed to it.
    authority: Option<Authority>,
}

/// What is known of each subchannel, found in constant time. A picker keeps the table of the moment
/// when it was made, so a call ends where it began.
#[derive(Debug, Default)]
pub(super) struct BackendTable(Box<[Option<(SubchannelId, PickedBackend)>]>);

/// What a picker knows of a subchannel.
#[derive(Clone, Debug)]
pub(super) struct PickedBackend {
    /// Where its calls are counted; `None` without load reports.
    pub(super) load: Option<Arc<LocalityLoad>>,
    /// The authority of calls that are to be addressed to the endpoint.
    pub(super) authority: Option<Authority>,
}

impl BackendTable {
    /// Returns what is known of a subchannel.
    pub(super) fn get(&self, id: SubchannelId) -> Option<&PickedBackend> {
        let (known, backend) = self.0.get(id.index())?.as_ref()?;
        (*known == id).then_some(backend)
    }
}

impl Backends {
    /// Takes over a new list. Without load reports, only endpoints with a host name are of use.
    pub(super) fn replace(&mut self, endpoints: &[Endpoint], counts_loads: bool) {
        self.by_address = AddressMap::new();
        for endpoint in endpoints {
            let attributes = endpoint.attributes();
            let authority = attributes.get::<Hostname>().and_then(|hostname| {
                let text: &str = hostname;
                Authority::try_from(text).ok()
            });
            if !counts_loads && authority.is_none() {
                continue;
            }
            let locality = attributes.get::<EndpointLocality>();
            let locality = locality.map(|locality| Arc::clone(&locality.name));
            let backend = Backend {
                locality: locality.unwrap_or_default(),
                authority,
            };
            for address in endpoint.addresses() {
                self.by_address.insert(address.clone(), backend.clone());
            }
        }
    }

    /// Returns whether nothing is known of any endpoint, so that pickers need no table.
    pub(super) fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// Records what the child did. Returns whether the subchannels have changed.
    pub(super) fn record(&mut self, actions: &[Action]) -> bool {
        let mut has_changed = false;
        for action in actions {
            match action {
                Action::Create { id, address } => {
                    self.subchannels.insert(*id, address.clone());
                    has_changed = true;
                }
                Action::Remove(id) => has_changed |= self.subchannels.remove(id).is_some(),
                _ => {}
            }
        }
        has_changed
    }

    /// Iterates over the child's subchannels.
    pub(super) fn subchannels(&self) -> impl Iterator<Item = SubchannelId> {
        self.subchannels.keys().copied()
    }

    /// Forgets the counts, because the next table is for another cluster.
    pub(super) fn forget_counts(&mut self) {
        self.counts.clear();
    }

    /// Creates the table of the subchannels of the moment. Their calls are counted in `load`, if there
    /// is one.
    pub(super) fn table(&mut self, load: Option<&ClusterLoad>) -> BackendTable {
        let last = self.subchannels.keys().map(|id| id.index() + 1).max();
        let mut table = Vec::new();
        table.resize_with(last.unwrap_or_default(), || None);
        for (id, address) in &self.subchannels {
            // A subchannel whose endpoint left the list gets no calls, or the last ones.
            let Some(backend) = self.by_address.get(address) else {
                continue;
            };
            let name = &backend.locality;
            let counts = load.map(|load| {
                let counts = self.counts.entry(Arc::clone(name));
                Arc::clone(counts.or_insert_with(|| load.locality(name)))
            });
            let picked = PickedBackend {
                load: counts,
                authority: backend.authority.clone(),
            };
            table[id.index()] = Some((*id, picked));
        }
        BackendTable(table.into())
    }
}
