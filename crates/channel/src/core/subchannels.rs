//! The table of subchannels, with their holds and indices over their stages.

use std::collections::BTreeSet;
use std::mem::discriminant;
use std::time::Instant;

use trunkline_connector::ConnectionInfo;
use trunkline_endpoint::ShortList;
use trunkline_lb::{SubchannelId, SubchannelIds, SubchannelState};

use crate::core::connections::{ConnectionId, Connections, ReadyConnection, ReadySubchannel};
use crate::core::failure::ConnectPhase;
use crate::core::holds::{Hold, HoldId, Holds};
use crate::core::snapshot::Pending;
use crate::core::subchannel::{Growth, Stage, Subchannel};

/// The subchannels of a channel, with their holds and indices over their stages.
///
/// A stage changes in [`transition`](Self::transition) and in [`remove`](Self::remove) only, and
/// both update every index and the marks of change. `C` is a connection.
#[derive(Debug)]
pub(crate) struct Subchannels<C> {
    ids: SubchannelIds,
    /// By [`SubchannelId::index`].
    table: Vec<Option<Slot<C>>>,
    /// Which subchannel each hold is of.
    holds: Holds,
    /// The connections of the READY subchannels, for each of their holds.
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

/// A subchannel with its connections.
#[derive(Debug)]
struct Slot<C> {
    subchannel: Subchannel,
    /// `None` unless it is READY.
    ready: Option<ReadySubchannel<C>>,
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

/// What is left of a subchannel when a hold of it was removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Released {
    pub(crate) id: SubchannelId,
    /// True if other policies hold it.
    pub(crate) is_held: bool,
    /// True if it has a connection.
    pub(crate) is_ready: bool,
    /// True if it is not idle, and none of the holds that are left [follows](Hold::follows) it: an attempt, or
    /// the wait for one, is of no use to any policy.
    pub(crate) is_unwanted: bool,
}

impl<C> Subchannels<C> {
    pub(crate) fn new() -> Self {
        Self {
            ids: SubchannelIds::new(),
            table: Vec::new(),
            holds: Holds::default(),
            connections: Connections::new(),
            pending: BTreeSet::new(),
            waits: BTreeSet::new(),
            connections_changed: false,
            pending_changed: false,
        }
    }

    /// Adds an idle subchannel, which `make` makes with the id that it gets. It has no hold yet.
    pub(crate) fn insert(&mut self, make: impl FnOnce(SubchannelId) -> Subchannel) -> &Subchannel {
        let id = self.ids.issue();
        if self.table.len() <= id.index() {
            self.table.resize_with(id.index() + 1, || None);
        }
        let slot = self.table[id.index()].insert(Slot {
            subchannel: make(id),
            ready: None,
        });
        &slot.subchannel
    }

    fn slot(&self, id: SubchannelId) -> Option<&Slot<C>> {
        let slot = self.table.get(id.index())?.as_ref()?;
        (slot.subchannel.id == id).then_some(slot)
    }

    fn slot_mut(&mut self, id: SubchannelId) -> Option<&mut Slot<C>> {
        let slot = self.table.get_mut(id.index())?.as_mut()?;
        (slot.subchannel.id == id).then_some(slot)
    }

    /// Returns the subchannel with this id; `None` once it was removed.
    pub(crate) fn get(&self, id: SubchannelId) -> Option<&Subchannel> {
        Some(&self.slot(id)?.subchannel)
    }

    /// Returns the subchannel with this id, to change all but its stage; `None` once it was
    /// removed.
    pub(crate) fn get_mut(&mut self, id: SubchannelId) -> Option<&mut Subchannel> {
        Some(&mut self.slot_mut(id)?.subchannel)
    }

    /// Returns the connections of a subchannel, if it is READY.
    pub(crate) fn ready(&self, id: SubchannelId) -> Option<&ReadySubchannel<C>> {
        self.slot(id)?.ready.as_ref()
    }

    /// Returns the number of connections of a subchannel.
    pub(crate) fn connection_count(&self, id: SubchannelId) -> usize {
        self.ready(id).map_or(0, ReadySubchannel::len)
    }

    /// Returns the subchannel that a policy holds; `None` once the hold was removed.
    pub(crate) fn held(&self, hold: HoldId) -> Option<SubchannelId> {
        self.holds.get(hold)
    }

    /// Returns a hold with its subchannel.
    pub(crate) fn hold_mut(&mut self, hold: HoldId) -> Option<(&mut Hold, SubchannelId)> {
        let id = self.holds.get(hold)?;
        let holds = self.get_mut(id)?.holds.as_mut_slice();
        let own = holds.iter_mut().find(|own| own.id == hold)?;
        Some((own, id))
    }

    /// Returns the table that has the subchannel of each hold.
    pub(crate) fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Adds a hold of a subchannel. Returns true if the subchannel is READY.
    pub(crate) fn hold(&mut self, hold: HoldId, id: SubchannelId) -> bool {
        let Some(slot) = self.slot_mut(id) else {
            return false;
        };
        let ready = slot.ready.clone();
        let is_ready = ready.is_some();
        slot.subchannel.holds.push(Hold::new(hold, is_ready));
        self.holds.insert(hold, id);
        self.show(hold, ready);
        is_ready
    }

    /// Removes a hold.
    pub(crate) fn release(&mut self, hold: HoldId) -> Option<Released> {
        let id = self.holds.get(hold)?;
        self.holds.remove(hold);
        self.connections_changed |= self.connections.remove(hold);
        let slot = self.slot_mut(id)?;
        let is_ready = slot.ready.is_some();
        let subchannel = &mut slot.subchannel;
        subchannel.holds.retain(|own| own.id != hold);
        let is_idle = matches!(subchannel.stage, Stage::Idle);
        let is_wanted = subchannel.holds.iter().any(Hold::follows);
        Some(Released {
            id,
            is_held: !subchannel.holds.is_empty(),
            is_ready,
            is_unwanted: !is_idle && !is_wanted,
        })
    }

    /// Handles a change of a subchannel's state to another one. Returns the holds whose policies see it.
    pub(crate) fn handle_change(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
    ) -> ShortList<HoldId> {
        let holds = self.get_mut(id).into_iter();
        let holds = holds.flat_map(|subchannel| subchannel.holds.as_mut_slice());
        let see = holds.filter_map(|hold| hold.handle_change(state).then_some(hold.id));
        see.collect()
    }

    /// Sets how many connections the policy of a hold lets the subchannel open. Ignores a hold that was
    /// removed.
    pub(crate) fn limit_connections(&mut self, hold: HoldId, most: Option<usize>) {
        if let Some((own, id)) = self.hold_mut(hold)
            && std::mem::replace(&mut own.max_connections, most) != most
        {
            let ready = self.ready(id).map(|ready| ready.with_most(most));
            self.show(hold, ready);
        }
    }

    /// Sets the connections of one hold. The others of its subchannel may be very many, and stay as they are.
    fn show(&mut self, hold: HoldId, ready: Option<ReadySubchannel<C>>) {
        self.connections_changed |= match ready {
            Some(ready) => {
                self.connections.insert(hold, ready);
                true
            }
            None => self.connections.remove(hold),
        };
    }

    /// Makes the connections of a subchannel those of each of its holds.
    fn show_connections(&mut self, id: SubchannelId) {
        let slot = self.table.get(id.index()).and_then(Option::as_ref);
        let Some(Slot { subchannel, ready }) = slot else {
            return;
        };
        for hold in &subchannel.holds {
            self.connections_changed |= match ready {
                Some(ready) => {
                    let ready = ready.with_most(hold.max_connections);
                    self.connections.insert(hold.id, ready);
                    true
                }
                None => self.connections.remove(hold.id),
            };
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
        let Slot { subchannel, ready } = self.slot_mut(id)?;
        let old = subchannel.stage.clone();
        let mut shows = true;
        let stage = match next {
            NextStage::Connected(new) => {
                let connection = ReadyConnection {
                    id,
                    connection_id: new.connection_id,
                    retry_at: new.retry_at,
                    connection: new.connection,
                    authority: subchannel.authority.clone(),
                    info: new.info,
                };
                match ready {
                    Some(own) => own.push(connection),
                    None => *ready = Some(ReadySubchannel::new(connection)),
                }
                let growth = Growth::Resting;
                Stage::Ready { growth }
            }
            NextStage::Disconnected(connection) => {
                *ready = ready.take().and_then(|own| own.without(connection));
                match &old {
                    Stage::Ready { growth } if ready.is_none() => growth.clone().into_stage(),
                    old => old.clone(),
                }
            }
            NextStage::Other(stage) => {
                let disconnects = !matches!(stage, Stage::Ready { .. });
                shows = disconnects && ready.take().is_some();
                stage
            }
        };
        if discriminant(&stage) != discriminant(&old) {
            subchannel.stage_since = now;
        }
        subchannel.stage = stage.clone();
        self.leave(id, &old);
        if stage.is_pending() {
            self.pending.insert(id);
            self.pending_changed = true;
        }
        self.waits
            .extend(stage.wait_until().map(|until| (until, id)));
        if shows {
            self.show_connections(id);
        }
        Some(old)
    }

    /// Removes a subchannel, which no policy holds any more, and returns it with its last stage and its
    /// connections.
    pub(crate) fn remove(
        &mut self,
        id: SubchannelId,
    ) -> Option<(Subchannel, Option<ReadySubchannel<C>>)> {
        let slot = self.table.get_mut(id.index())?;
        let Slot { subchannel, ready } = slot.take_if(|slot| slot.subchannel.id == id)?;
        self.leave(id, &subchannel.stage);
        self.ids.retire(id);
        Some((subchannel, ready))
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

    /// Returns the connections of the READY subchannels, for each of their holds.
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

    /// Returns the READY subchannels, in the order of their indices.
    pub(crate) fn ready_ids(&self) -> impl Iterator<Item = SubchannelId> {
        let slots = self.table.iter().flatten();
        let ready = slots.filter(|slot| slot.ready.is_some());
        ready.map(|slot| slot.subchannel.id)
    }

    /// Returns the number of subchannels.
    pub(crate) fn len(&self) -> usize {
        self.table.iter().flatten().count()
    }

    /// Returns the subchannels from the index `first` on, in the order of their indices.
    pub(crate) fn from(&self, first: usize) -> impl Iterator<Item = &Subchannel> {
        let slots = self.table.iter().skip(first).flatten();
        slots.map(|slot| &slot.subchannel)
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
