//! How `pick_first` handles events.

use std::time::Instant;

use trunkline_status::Status;

use super::address_list::ConnState;
use super::address_order::ordered_addresses;
use super::config::PickFirstConfig;
use super::state::{Phase, PickFirst};
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::errors::{resolver_error, zero_addresses};
use crate::picker::Pick;
use crate::policy::{OldList, Policy, Update};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

impl Policy for PickFirst {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let shuffle = PickFirstConfig::of(&update).shuffle_address_list;
        let list = ordered_addresses(&update.endpoints, shuffle.then_some(&mut self.rng));
        let had_resolver_error = self.failures.handle_update(update.resolution_note);
        if list.is_empty() {
            let error = zero_addresses(self.failures.resolution_note());
            self.fail_without_list(error.clone(), control);
            return Err(error);
        }
        self.failures.keep_only(&list);

        match self.phase {
            // Exactly the same addresses, perhaps in another order: the pass in progress goes on.
            Phase::FirstPass(_) | Phase::Steady { .. } if self.list.has_same_addresses(&list) => {
                if had_resolver_error && self.sticky_failure {
                    self.publish_failure(control);
                }
            }
            Phase::NoList | Phase::FirstPass(_) | Phase::Steady { .. } => {
                self.list.replace(list, control);
                self.start_pass(control);
            }
            Phase::Idle => self.list.replace(list, control),
            Phase::Ready { selected, .. } => {
                let id = self.list.id(selected);
                self.list.replace(list, control);
                match id.and_then(|id| self.list.position(id)) {
                    Some(selected) => {
                        self.phase = Phase::Ready {
                            selected,
                            list_dropped: false,
                        }
                    }
                    None => self.start_pass(control),
                }
            }
        }
        Ok(())
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        let error = resolver_error(&error);
        self.failures.handle_resolver_error(error.clone());
        match (&mut self.phase, old) {
            (
                Phase::Ready {
                    selected,
                    list_dropped,
                },
                OldList::DropList,
            ) => {
                *list_dropped = true;
                self.list.truncate_to(*selected);
                *selected = 0;
            }
            (Phase::NoList, _) | (_, OldList::DropList) => self.fail_without_list(error, control),
            (_, OldList::Keep) if self.sticky_failure => self.publish_failure(control),
            (_, OldList::Keep) => {}
        }
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        // A late event of a subchannel that was removed has no position.
        let Some(at) = self.list.position(id) else {
            return;
        };
        if let Phase::Ready { .. } = self.phase {
            return self.handle_selected(at, state, control);
        }
        match state {
            SubchannelState::Ready => self.select(at, id, control),
            SubchannelState::Connecting => self.list.set_state(at, ConnState::Connecting),
            SubchannelState::Idle if self.list.state(at) == Some(ConnState::Connecting) => {
                let error = Status::unavailable("the connection was lost before it was ready");
                self.handle_failure(at, ConnState::Idle, error, control);
            }
            SubchannelState::Idle => {
                self.list.set_state(at, ConnState::Idle);
                if let Phase::Steady { .. } = self.phase {
                    self.list.connect(at, control);
                }
            }
            SubchannelState::TransientFailure(error) => {
                self.handle_failure(at, ConnState::Backoff, error, control);
            }
        }
    }

    /// Does nothing: the policy starts no watch.
    fn handle_watch(&mut self, _: WatchId, _: SubchannelId, _: WatchEvent, _: &mut Control<'_>) {}

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        if self.poll_timeout().is_some_and(|due| due <= control.now()) {
            self.advance(control);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::FirstPass(pass) => pass.deadline,
            _ => None,
        }
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        if let Phase::Idle = self.phase {
            self.start_pass(control);
        }
    }

    /// Does nothing: the policy publishes as it handles each event.
    fn settle(&mut self, _: &mut Control<'_>) {}

    /// Does nothing: the only wait of the policy is the attempt delay, and back-off belongs to the
    /// subchannels.
    fn reset_backoff(&mut self) {}
}

impl PickFirst {
    /// Handles a new state of the selected subchannel. Any state but `Ready` means that its
    /// connection is lost.
    fn handle_selected(&mut self, at: usize, state: SubchannelState, control: &mut Control<'_>) {
        let state = match state {
            SubchannelState::Ready => return,
            SubchannelState::Idle => ConnState::Idle,
            SubchannelState::Connecting => ConnState::Connecting,
            SubchannelState::TransientFailure(error) => {
                self.failures.record(self.list.address(at), error);
                ConnState::Backoff
            }
        };
        control.request_reresolution();
        if let Phase::Ready {
            list_dropped: true, ..
        } = self.phase
        {
            let error = self.failures.of_resolver();
            return self.fail_without_list(error, control);
        }
        self.list.set_state(at, state);
        if state == ConnState::Idle {
            self.phase = Phase::Idle;
            self.publish(ConnectivityState::Idle, Pick::ExitIdle, control);
        } else {
            // Only a subchannel with several connections gets here (gRFC A105).
            self.start_pass(control);
        }
    }
}
