//! The subchannels that several policies hold.
//!
//! Policies that connect to one address share a subchannel: a policy and the one that is to take over from
//! it, or the children of one policy. Each has a [`Hold`](crate::core::holds::Hold) with an id of its own,
//! watches of its own and its own view of the state. The connections, the attempts, the back-off and the
//! line of waiting calls are the subchannel's.

use std::time::Instant;

use trunkline_endpoint::Address;
use trunkline_lb::{Policy, PolicyNode, SubchannelId, SubchannelState};

use crate::core::batch::Rest;
use crate::core::connections::{ConnectionId, ReadySubchannel};
use crate::core::event::ChannelEvent;
use crate::core::holds::{Hold, HoldId};
use crate::core::subchannel::{Stage, Subchannel};
use crate::core::subchannels::NextStage;
use crate::core::{Core, Output};

impl<C> Core<C> {
    /// Creates a hold of the subchannel for an address, and the subchannel if there is none yet.
    pub(super) fn create(&mut self, hold: HoldId, address: Address, now: Instant) {
        let shared = self.actions.pool().find(&address);
        let id = shared.unwrap_or_else(|| self.create_subchannel(address, now));
        if self.subchannels.hold(hold, id) {
            self.notify_hold(hold, SubchannelState::Ready, now);
        }
    }

    fn create_subchannel(&mut self, address: Address, now: Instant) -> SubchannelId {
        let (seed, backoff) = (self.rng.next_seed(), self.backoff);
        let make = |id| Subchannel::new(id, address, backoff, seed, now);
        let subchannel = self.subchannels.insert(make);
        let id = subchannel.id;
        let address = subchannel.address.clone();
        let is_ignored = subchannel.authority.is_none() && address.server_name().is_some();
        self.actions.pool_mut().insert(id, &address);
        self.observe(ChannelEvent::SubchannelCreated {
            id,
            address: address.clone(),
        });
        if is_ignored {
            self.observe(ChannelEvent::ServerNameIgnored { id, address });
        }
        id
    }

    /// Connects the subchannel of a hold, or follows what it does already.
    pub(super) fn connect(&mut self, hold: HoldId, now: Instant) {
        let Some((own, id)) = self.subchannels.hold_mut(hold) else {
            return;
        };
        if own.follows() {
            return;
        }
        own.follow();
        match self.subchannels.get(id).map(Subchannel::stage) {
            Some(Stage::Idle) => self.connect_after_hold(id, now),
            Some(stage) => {
                let state = stage.state();
                self.notify_hold(hold, state, now);
            }
            None => {}
        }
    }

    /// Removes a hold, and its subchannel with the last one. That stays if one of the actions in `rest`
    /// creates a hold of it again.
    pub(super) fn release(&mut self, hold: HoldId, rest: &mut Rest<'_>) {
        let Some(left) = self.subchannels.release(hold) else {
            return;
        };
        // The policy is not notified of the end of these watches: it has no such subchannel any
        // more.
        let ended = self.watches.remove_all(hold);
        self.outputs.extend(ended.into_iter().map(Output::Unwatch));
        let is_created = |subchannel: &Subchannel| rest.creates(&subchannel.address);
        let subchannel = self.subchannels.get(left.id);
        let is_kept = left.is_held || left.is_unwanted && subchannel.is_some_and(is_created);
        if !is_kept {
            self.remove(left.id);
            return;
        }
        if left.is_ready {
            // The calls that came by this hold are picked again.
            self.outputs.push_back(Output::WakeLine(left.id));
        }
        // Another action of the batch may hold it again, or connect it for a policy that is left.
        let is_undecided = !left.is_held || left.is_unwanted;
        if is_undecided && self.undecided.last() != Some(&left.id) {
            self.undecided.push(left.id);
        }
    }

    /// Ends a batch of actions: removes the subchannels whose last hold was removed, and that got no other, and
    /// stops the attempts that no policy waits for any more.
    pub(super) fn end_batch(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.undecided) {
            let holds = self.subchannels.get(id).map(|own| &own.holds);
            match holds {
                Some(holds) if holds.is_empty() => self.remove(id),
                Some(holds) if !holds.iter().any(Hold::follows) => self.stop_attempt(id, now),
                _ => {}
            }
        }
    }

    /// Removes a subchannel.
    fn remove(&mut self, id: SubchannelId) {
        let Some((gone, ready)) = self.subchannels.remove(id) else {
            return;
        };
        self.actions.pool_mut().remove(id, &gone.address);
        if gone.stage().retry_time_of_attempt().is_some() {
            self.cancel_attempt(id, gone.address.clone(), gone.last_attempt);
        }
        self.outputs.push_back(Output::DropLine(id));
        let connections = ready.iter().flat_map(ReadySubchannel::iter);
        let connections = connections.map(|ready| ready.connection_id).collect();
        let address = gone.address;
        self.observe(ChannelEvent::SubchannelRemoved {
            id,
            address,
            connections,
        });
    }

    /// Stops the attempt of a subchannel that runs or is held back: no policy waits for it any more. A
    /// back-off goes on.
    fn stop_attempt(&mut self, id: SubchannelId, now: Instant) {
        let Some(subchannel) = self.subchannels.get_mut(id) else {
            return;
        };
        match *subchannel.stage() {
            Stage::HeldBack { until } => subchannel.not_before = Some(until),
            Stage::Connecting { .. } => {
                let (address, last) = (subchannel.address.clone(), subchannel.last_attempt);
                self.cancel_attempt(id, address, last);
            }
            _ => return,
        }
        self.transition(id, NextStage::Other(Stage::Idle), now);
    }

    fn cancel_attempt(&mut self, id: SubchannelId, address: Address, last: Option<ConnectionId>) {
        self.outputs.push_back(Output::Cancel(id));
        if let Some(connection) = last {
            self.observe(ChannelEvent::ConnectCancelled {
                id,
                connection,
                address,
            });
        }
    }

    /// Notifies the policy of a hold of a state, unless it has removed the hold.
    pub(super) fn notify_hold(&mut self, hold: HoldId, state: SubchannelState, now: Instant) {
        if self.actions.control(now).exists(hold) {
            self.notify_policy(now, |policy, control| {
                policy.handle_subchannel(hold, state, control);
            });
        }
    }

    /// Replaces the ids that policies have by those of the subchannels.
    pub(super) fn name_subchannels(&self, policy: &mut PolicyNode) {
        if self.subchannels.holds().is_renamed() {
            policy.rename_subchannels(&|hold| self.subchannels.held(hold).unwrap_or(hold));
        }
    }
}
