//! Which endpoints are ready, seen from above the policies that use them.

use std::collections::{BTreeMap, BTreeSet};

use crate::control::Action;
use crate::health::Health;
use crate::subchannel::{SubchannelId, SubchannelState};

/// The subchannels that get calls: connected, not reported as unhealthy, and not ejected.
///
/// A child policy keeps at most one connection to each endpoint, so their number is that of the
/// ready endpoints.
#[derive(Debug, Default)]
pub(super) struct ReadySubchannels {
    /// Whether each connected subchannel is in the own zone, and healthy.
    connected: BTreeMap<SubchannelId, Connected>,
    ejected: BTreeSet<SubchannelId>,
    /// How many of `connected` count, in the own zone and in the others.
    local: usize,
    remote: usize,
}

/// A connected subchannel.
#[derive(Clone, Copy, Debug)]
struct Connected {
    is_local: bool,
    is_healthy: bool,
}

impl ReadySubchannels {
    /// Returns how many count in the own zone, and in the others.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.local, self.remote)
    }

    /// Records a new state of a subchannel.
    pub(super) fn set_state(&mut self, id: SubchannelId, is_local: bool, state: &SubchannelState) {
        let connected = (*state == SubchannelState::Ready).then_some(Connected {
            is_local,
            is_healthy: true,
        });
        self.replace(id, connected);
    }

    /// Records that a subchannel is ejected, or taken back.
    pub(super) fn set_ejected(&mut self, id: SubchannelId, ejected: bool) {
        let connected = self.connected.get(&id).copied();
        self.replace(id, None);
        if ejected {
            self.ejected.insert(id);
        } else {
            self.ejected.remove(&id);
        }
        self.replace(id, connected);
    }

    /// Records what the children have done: the subchannels that they removed, and the health that
    /// they reported.
    pub(super) fn record(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Remove(id) => {
                    self.replace(*id, None);
                    self.ejected.remove(id);
                }
                Action::ReportHealth { id, health, .. } => {
                    if let Some(&connected) = self.connected.get(id) {
                        let is_healthy = matches!(health, Health::Healthy | Health::Unchecked(_));
                        let connected = Connected {
                            is_healthy,
                            ..connected
                        };
                        self.replace(*id, Some(connected));
                    }
                }
                // Nothing else changes which subchannels get calls.
                _ => {}
            }
        }
    }

    /// Replaces what is known of a subchannel. The one writer of `connected` and the counts.
    fn replace(&mut self, id: SubchannelId, after: Option<Connected>) {
        let before = match after {
            Some(connected) => self.connected.insert(id, connected),
            None => self.connected.remove(&id),
        };
        if self.ejected.contains(&id) {
            return;
        }
        if let Some(before) = before.filter(|before| before.is_healthy) {
            *self.count(before.is_local) -= 1;
        }
        if let Some(after) = after.filter(|after| after.is_healthy) {
            *self.count(after.is_local) += 1;
        }
    }

    fn count(&mut self, is_local: bool) -> &mut usize {
        if is_local {
            &mut self.local
        } else {
            &mut self.remote
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A subchannel that was removed leaves nothing, whatever it was.
    #[test]
    fn removed_subchannels() {
        let id = SubchannelId {
            index: 3,
            generation: 1,
        };
        for ejected in [false, true] {
            let mut ready = ReadySubchannels::default();
            ready.set_state(id, true, &SubchannelState::Ready);
            ready.set_ejected(id, ejected);
            assert_eq!(ready.counts(), (usize::from(!ejected), 0));
            ready.record(&[Action::Remove(id)]);
            assert_eq!(ready.counts(), (0, 0));
            assert!(ready.connected.is_empty() && ready.ejected.is_empty());
        }
    }

    /// An ejection lasts while the subchannel connects again, and can come before it is connected.
    #[test]
    fn ejections_last() {
        let id = SubchannelId {
            index: 0,
            generation: 0,
        };
        let mut ready = ReadySubchannels::default();
        ready.set_ejected(id, true);
        for _ in 0..2 {
            ready.set_state(id, false, &SubchannelState::Ready);
            assert_eq!(ready.counts(), (0, 0));
            ready.set_state(id, false, &SubchannelState::Idle);
        }
        ready.set_state(id, false, &SubchannelState::Ready);
        ready.set_ejected(id, false);
        ready.set_ejected(id, false);
        assert_eq!(ready.counts(), (0, 1));
    }
}
