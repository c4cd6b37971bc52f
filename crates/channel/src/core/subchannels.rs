//! The table of subchannels, with indices over their stages.

use std::collections::BTreeSet;
use std::mem::discriminant;
use std::time::Instant;

use trunkline_connector::ConnectionInfo;
use trunkline_lb::SubchannelId;

use crate::core::connections::{ConnectionId, Connections, ReadyConnection};
use crate::core::failure::ConnectPhase;
use crate::core::snapshot::Pending;
use crate::core::subchannel::{Growth, Stage, Subchannel};

/// The subchannels of a channel, with indices over their stages.
///
/// A stage changes in [`transition`](Self::transition) and in [`remove`](Self::remove) only, and
/// both update every index and the marks of change. `C` is a connection.
#[derive(Debug)]
pub(crate) struct Subchannels<C> {
    /// By [`SubchannelId::index`].
    table: Vec<Option<Subchannel>>,
    /// The connections of the READY subchannels.
    connections: Connections<C>,
    /// The subchannels whose attempt runs or is held back.
    pending: BTreeSet<SubchannelId>,
    /// The subchannels that wait (held back or backing off), ordered by the end of the wait.
    waits: BTreeSet<(Instant, SubchannelId)>,
    /// True when `connections` changed since [`take_changes`](Self::take_changes).
    connections_changed: bool,
    /// True when `pending`, or the phase of an attempt in it, changed since
    /// [`take_changes`](Self::take_changes).
    pending_changed: bool,
}

/// The stage that a subchannel changes to.
#[derive(Debug)]
pub(crate) enum NextStage<C> {
    /// READY, with one more connection.
    Connected(NewConnection<C>),
    /// As before, without this connection. If no other is left: the stage of its growth.
    Disconnected(ConnectionId),
    /// This stage. The connections stay if it is READY.
    Other(Stage),
}

/// A connection that an attempt has made.
#[derive(Debug)]
pub(crate) struct NewConnection<C> {
    pub(crate) connection_id: ConnectionId,
    pub(crate) retry_at: Instant,
    pub(crate) connection: C,
    pub(crate) info: ConnectionInfo,
}

/// What changed in a table of subchannels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) connections: bool,
    pub(crate) pending: bool,
}

impl<C> Subchannels<C> {
    pub(crate) fn new() -> Self {
        Self {
            table: Vec::new(),
            connections: Connections::new(),
            pending: BTreeSet::new(),
            waits: BTreeSet::new(),
            connections_changed: false,
            pending_changed: false,
        }
    }

    /// Adds an idle subchannel. It replaces the one at its index, if there is one.
    pub(crate) fn insert(&mut self, subchannel: Subchannel) {
        let at = subchannel.id.index();
        if self.table.len() <= at {
            self.table.resize_with(at + 1, || None);
        }
        self.table[at] = Some(subchannel);
    }

    /// Returns the subchannel with this id; `None` once it was removed.
    pub(crate) fn get(&self, id: SubchannelId) -> Option<&Subchannel> {
        let subchannel = self.table.get(id.index())?.as_ref()?;
        (subchannel.id == id).then_some(subchannel)
    }

    /// Returns the subchannel with this id, to change all but its stage; `None` once it was
    /// removed.
    pub(crate) fn get_mut(&mut self, id: SubchannelId) -> Option<&mut Subchannel> {
        let subchannel = self.table.get_mut(id.index())?.as_mut()?;
        (subchannel.id == id).then_some(subchannel)
    }

    /// Sets how many connections the policy lets a subchannel open. Ignores one that was removed.
    pub(crate) fn limit_connections(&mut self, id: SubchannelId, most: Option<usize>) {
        let Some(subchannel) = self.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut subchannel.max_connections, most) != most {
            self.connections.limit(id, most);
            self.connections_changed = true;
        }
    }

    /// Changes the stage of a subchannel and returns the one before; `None` when there is no such
    /// subchannel. The only writer of a stage, and of when its kind changed.
    pub(crate) fn transition(
        &mut self,
        id: SubchannelId,
        next: NextStage<C>,
        now: Instant,
    ) -> Option<Stage> {
        let subchannel = self.get(id)?;
        let old = subchannel.stage.clone();
        let stage = match next {
            NextStage::Connected(new) => {
                let ready = ReadyConnection {
                    id,
                    connection_id: new.connection_id,
                    retry_at: new.retry_at,
                    connection: new.connection,
                    authority: subchannel.authority.clone(),
                    info: new.info,
                };
                self.connections.insert(ready, subchannel.max_connections);
                self.connections_changed = true;
                let growth = Growth::Resting;
                Stage::Ready { growth }
            }
            NextStage::Disconnected(connection) => {
                self.connections.remove_one(id, connection);
                self.connections_changed = true;
                match &old {
                    Stage::Ready { growth } if self.connections.get(id).is_none() => {
                        growth.clone().into_stage()
                    }
                    old => old.clone(),
                }
            }
            NextStage::Other(stage) => {
                if !matches!(stage, Stage::Ready { .. }) {
                    self.disconnect(id);
                }
                stage
            }
        };
        self.leave(id, &old);
        if stage.is_pending() {
            self.pending.insert(id);
            self.pending_changed = true;
        }
        self.waits
            .extend(stage.wait_until().map(|until| (until, id)));
        let subchannel = self.get_mut(id)?;
        if discriminant(&stage) != discriminant(&old) {
            subchannel.stage_since = now;
        }
        subchannel.stage = stage;
        Some(old)
    }

    /// Removes a subchannel and returns it, with its last stage.
    pub(crate) fn remove(&mut self, id: SubchannelId) -> Option<Subchannel> {
        let slot = self.table.get_mut(id.index())?;
        let subchannel = slot.take_if(|subchannel| subchannel.id == id)?;
        self.leave(id, &subchannel.stage);
        self.disconnect(id);
        Some(subchannel)
    }

    /// Removes the connections of a subchannel, if it has any.
    fn disconnect(&mut self, id: SubchannelId) {
        if self.connections.get(id).is_some() {
            self.connections.remove(id);
            self.connections_changed = true;
        }
    }

    /// Removes a subchannel that leaves `stage` from every index over the stages.
    fn leave(&mut self, id: SubchannelId, stage: &Stage) {
        if stage.is_pending() {
            self.pending.remove(&id);
            self.pending_changed = true;
        }
        if let Some(until) = stage.wait_until() {
            self.waits.remove(&(until, id));
        }
    }

    /// Returns the connections of the READY subchannels.
    pub(crate) fn connections(&self) -> &Connections<C> {
        &self.connections
    }

    /// Returns the end of the earliest wait.
    pub(crate) fn next_wait(&self) -> Option<Instant> {
        self.waits.first().map(|(until, _)| *until)
    }

    /// Returns the subchannel whose wait ended first, at or before `now`.
    pub(crate) fn first_due(&self, now: Instant) -> Option<SubchannelId> {
        let (until, id) = self.waits.first()?;
        (*until <= now).then_some(*id)
    }

    /// Returns the subchannels that wait, ordered by the end of the wait.
    pub(crate) fn waiting(&self) -> Vec<SubchannelId> {
        self.waits.iter().map(|(_, id)| *id).collect()
    }

    /// Returns all subchannels, in the order of their indices.
    pub(crate) fn ids(&self) -> Vec<SubchannelId> {
        let subchannels = self.table.iter().flatten();
        subchannels.map(|subchannel| subchannel.id).collect()
    }

    /// Returns the number of subchannels.
    pub(crate) fn len(&self) -> usize {
        self.table.iter().flatten().count()
    }

    /// Returns the subchannels from the index `first` on, in the order of their indices.
    pub(crate) fn from(&self, first: usize) -> impl Iterator<Item = &Subchannel> {
        self.table.iter().skip(first).flatten()
    }

    /// Returns the attempts that calls may be waiting for, at most `most`.
    pub(crate) fn pending(&self, most: usize) -> Vec<Pending> {
        let pending = self.pending.iter().filter_map(|id| {
            let subchannel = self.get(*id)?;
            let phase: Option<ConnectPhase> = match subchannel.stage {
                Stage::Connecting { phase, .. } => Some(phase),
                _ => None,
            };
            Some(Pending {
                address: subchannel.address.clone(),
                phase,
                last_lost: subchannel.last_loss.as_ref().map(|lost| lost.why.clone()),
            })
        });
        pending.take(most).collect()
    }

    /// Returns what changed since the last call.
    pub(crate) fn take_changes(&mut self) -> Changes {
        Changes {
            connections: std::mem::take(&mut self.connections_changed),
            pending: std::mem::take(&mut self.pending_changed),
        }
    }
}
