//! What policies have of the subchannels.

use trunkline_lb::{SubchannelId, SubchannelState};

/// The id of a subchannel for one policy. Policies, pickers and trackers have it; everything else
/// has the subchannel's own.
pub(crate) type HoldId = SubchannelId;

/// What one policy has of a subchannel, which other policies can hold too.
///
/// Its state is that of the subchannel once the policy has requested a connection, or there is one, until
/// the subchannel is idle. Before that it is idle, whatever the subchannel does for others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) id: HoldId,
    /// True while the policy is notified of every state.
    follows: bool,
    /// The most connections that the policy lets the subchannel open; `None` for the channel's own number. The
    /// subchannel opens as many as the hold with the highest number permits.
    pub(crate) max_connections: Option<usize>,
}

impl Hold {
    /// Returns a new hold of a subchannel, which may be READY.
    pub(crate) fn new(id: HoldId, is_ready: bool) -> Self {
        Self {
            id,
            follows: is_ready,
            max_connections: None,
        }
    }

    /// Returns true if the policy sees the state of the subchannel.
    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// Handles the request of the policy for a connection.
    pub(crate) fn follow(&mut self) {
        self.follows = true;
    }

    /// Handles a change of the subchannel's state to another one, and returns true if the policy sees it.
    pub(crate) fn handle_change(&mut self, state: &SubchannelState) -> bool {
        let sees = self.follows || *state == SubchannelState::Ready;
        self.follows = sees && *state != SubchannelState::Idle;
        sees
    }
}

/// Which subchannel each hold is of.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    /// By the index of the hold.
    table: Vec<Option<(HoldId, SubchannelId)>>,
}

impl Holds {
    /// Adds a hold of the subchannel `of`.
    pub(crate) fn insert(&mut self, hold: HoldId, of: SubchannelId) {
        let at = hold.index();
        if self.table.len() <= at {
            self.table.resize(at + 1, None);
        }
        self.table[at] = Some((hold, of));
    }

    /// Returns the subchannel of a hold; `None` once the hold was removed.
    pub(crate) fn get(&self, hold: HoldId) -> Option<SubchannelId> {
        let (own, of) = (*self.table.get(hold.index())?)?;
        (own == hold).then_some(of)
    }

    /// Removes a hold.
    pub(crate) fn remove(&mut self, hold: HoldId) {
        if let Some(slot) = self.table.get_mut(hold.index()) {
            slot.take_if(|(own, _)| *own == hold);
        }
    }

    /// Returns all holds, in the order of their indices.
    pub(crate) fn ids(&self) -> Vec<HoldId> {
        self.table.iter().flatten().map(|(hold, _)| *hold).collect()
    }

    /// Returns true if a hold has another id than its subchannel.
    pub(crate) fn is_renamed(&self) -> bool {
        self.table.iter().flatten().any(|(hold, of)| hold != of)
    }
}
