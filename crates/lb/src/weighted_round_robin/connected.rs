//! The weights of the backends that are connected.

use std::sync::Arc;

use super::backend_weight::BackendWeight;
use crate::subchannel::SubchannelId;
use crate::subchannel_table::SubchannelTable;

/// The weight of each backend that is connected, by its subchannel.
///
/// The policy changes it, and each picker keeps it as it was when the picker was made.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectedBackends(SubchannelTable<Arc<BackendWeight>>);

impl ConnectedBackends {
    /// Returns the weight of a backend; `None` if it is not connected.
    pub(super) fn get(&self, id: SubchannelId) -> Option<&Arc<BackendWeight>> {
        self.0.get(id)
    }

    /// Adds a backend without a weight, unless it is there already.
    pub(super) fn add(&mut self, id: SubchannelId) {
        if self.get(id).is_none() {
            self.0.insert(id, Arc::new(BackendWeight::unknown()));
        }
    }

    /// Removes a backend.
    pub(super) fn remove(&mut self, id: SubchannelId) {
        self.0.remove(id);
    }

    /// Removes the backends for which `keep` returns false.
    pub(super) fn retain(&mut self, keep: impl Fn(SubchannelId) -> bool) {
        let gone: Vec<SubchannelId> = self.ids().filter(|id| !keep(*id)).collect();
        for id in gone {
            self.remove(id);
        }
    }

    /// Iterates over the subchannels, sorted by their index.
    pub(super) fn ids(&self) -> impl Iterator<Item = SubchannelId> {
        self.0.iter().map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Actions;

    /// A copy keeps what the table had when it was made, and a subchannel with the index of one that was
    /// removed is another backend.
    #[test]
    fn copies() {
        #[expect(clippy::disallowed_methods, reason = "any time will do")]
        let now = std::time::Instant::now();
        let mut actions = Actions::new();
        let mut control = actions.control(now);
        let address = std::net::SocketAddr::from(([192, 0, 2, 1], 443));
        let mut table = ConnectedBackends::default();
        let ids: Vec<SubchannelId> = (0..600)
            .map(|_| control.create_subchannel(address.into()))
            .collect();
        for id in &ids {
            table.add(*id);
        }
        let copy = table.clone();
        control.remove_subchannel(ids[300]);
        let again = control.create_subchannel(address.into());
        assert_eq!(again.index(), 300);
        table.retain(|id| id != ids[300]);
        table.add(again);
        assert!(table.get(ids[300]).is_none() && table.get(again).is_some());
        assert!(copy.get(ids[300]).is_some() && copy.get(again).is_none());
        let weight = |table: &ConnectedBackends| table.get(ids[599]).map(Arc::as_ptr);
        assert_eq!(weight(&table), weight(&copy));
        table.remove(ids[300]);
        assert_eq!((table.ids().count(), copy.ids().count()), (600, 600));
    }
}
