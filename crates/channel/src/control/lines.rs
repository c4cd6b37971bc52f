//! The lines in which the calls of each subchannel wait for a free stream.

use std::collections::BTreeMap;

use trunkline_lb::SubchannelId;
use trunkline_transport::{CallLine, Connection};

use crate::core::connections::ReadySubchannel;

/// The lines of the subchannels that have tried to connect, and those to look at once the snapshot is
/// published.
///
/// A call in line looks at the published snapshot when it is woken. So it is woken after that.
#[derive(Default)]
pub(crate) struct Lines {
    by_subchannel: BTreeMap<SubchannelId, CallLine>,
    /// The lines to look at.
    looks: Vec<SubchannelId>,
    /// The lines whose calls are to be woken.
    wakes: Vec<CallLine>,
}

impl Lines {
    /// Returns the line of a subchannel.
    pub(crate) fn get(&mut self, id: SubchannelId) -> CallLine {
        self.by_subchannel.entry(id).or_default().clone()
    }

    /// Plans a look at the line of a subchannel.
    pub(crate) fn plan_look(&mut self, id: SubchannelId) {
        self.looks.push(id);
    }

    /// Forgets the line of a subchannel that was removed, and plans to wake its calls.
    pub(crate) fn remove(&mut self, id: SubchannelId) {
        self.wakes.extend(self.by_subchannel.remove(&id));
    }

    /// Plans to wake the calls of a subchannel that a policy has removed, and another one has not.
    pub(crate) fn plan_wake(&mut self, id: SubchannelId) {
        self.wakes.extend(self.by_subchannel.get(&id).cloned());
    }

    /// Wakes the calls for which that was planned.
    pub(crate) fn wake_planned(&mut self) {
        for line in self.wakes.drain(..) {
            line.wake_all();
        }
    }

    /// Takes the planned looks.
    pub(crate) fn take_looks(&mut self) -> Vec<SubchannelId> {
        std::mem::take(&mut self.looks)
    }

    /// Wakes the calls of a subchannel that find room on its connections `ready`, which are published, or
    /// no connection. Returns true when calls wait and all connections are full.
    pub(crate) fn look(
        &self,
        id: SubchannelId,
        ready: Option<&ReadySubchannel<Connection>>,
    ) -> bool {
        let Some(line) = self.by_subchannel.get(&id) else {
            return false;
        };
        // First: a call that waits from now on asks again.
        line.take_ask();
        let Some(ready) = ready else {
            line.wake_all();
            return false;
        };
        for ready in ready.iter() {
            ready.connection.wake_line();
        }
        line.has_movable_calls() && ready.iter().all(|ready| ready.connection.is_full())
    }
}
