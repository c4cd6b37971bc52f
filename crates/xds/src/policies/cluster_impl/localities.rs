//! Where the calls of each subchannel are counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_endpoint::{Address, AddressMap, Endpoint};
use trunkline_lb::{Action, SubchannelId};

use crate::core::resources::LocalityName;
use crate::policies::load_store::{ClusterLoad, LocalityLoad};
use crate::policies::locality::EndpointLocality;

/// The locality of each address, and of the subchannels for it.
///
/// An endpoint keeps its subchannels when it changes its locality: their calls are counted in the new
/// one from then on.
#[derive(Debug, Default)]
pub(super) struct Localities {
    by_address: AddressMap<Arc<LocalityName>>,
    /// The addresses of the child's subchannels.
    subchannels: BTreeMap<SubchannelId, Address>,
    /// The counts by locality, of the load that was counted in last.
    counts: BTreeMap<Arc<LocalityName>, Arc<LocalityLoad>>,
}

/// The counts of each subchannel, found in constant time. A picker keeps the table of the moment when
/// it was made, so a call ends where it began.
#[derive(Debug, Default)]
pub(super) struct LoadTable(Box<[Option<Place>]>);

/// Where the calls of a subchannel are counted.
type Place = (SubchannelId, Arc<LocalityLoad>);

impl LoadTable {
    /// Returns the counts of a subchannel.
    pub(super) fn get(&self, id: SubchannelId) -> Option<&LocalityLoad> {
        let (known, load) = self.0.get(id.index())?.as_ref()?;
        (*known == id).then_some(load)
    }
}

impl Localities {
    /// Takes over a new list.
    pub(super) fn replace(&mut self, endpoints: &[Endpoint]) {
        self.by_address = AddressMap::new();
        for endpoint in endpoints {
            let locality = endpoint.attributes().get::<EndpointLocality>();
            let name = locality.map(|locality| Arc::clone(&locality.name));
            let name = name.unwrap_or_default();
            for address in endpoint.addresses() {
                self.by_address.insert(address.clone(), Arc::clone(&name));
            }
        }
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

    /// Forgets the counts, because the next table is for another cluster.
    pub(super) fn forget_counts(&mut self) {
        self.counts.clear();
    }

    /// Creates the table of the subchannels of the moment, which count in `load`.
    pub(super) fn table(&mut self, load: &ClusterLoad) -> LoadTable {
        let last = self.subchannels.keys().map(|id| id.index() + 1).max();
        let mut table = Vec::new();
        table.resize_with(last.unwrap_or_default(), || None);
        for (id, address) in &self.subchannels {
            // A subchannel whose endpoint left the list gets no calls, or the last ones.
            let Some(name) = self.by_address.get(address) else {
                continue;
            };
            let counts = self.counts.entry(Arc::clone(name));
            let counts = counts.or_insert_with(|| load.locality(name));
            table[id.index()] = Some((*id, Arc::clone(counts)));
        }
        LoadTable(table.into())
    }
}
