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
use crate::health_check::HealthChecker;
use crate::inspection::PolicyNode;
use crate::labels::labels_of_update;
use crate::picker::Pick;
use crate::policy::{OldList, Policy, Update};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

impl Policy for PickFirst {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let PickFirstConfig {
            shuffle_address_list: shuffle,
            health_checks,
        } = PickFirstConfig::of(&update);
        self.obeys_ejections = health_checks;
        self.health_service = update.health_check.filter(|_| health_checks);
        let labels = labels_of_update(&update.attributes);
        let shuffle = shuffle.then_some(&mut self.rng);
        let list = ordered_addresses(&update.endpoints, &labels, shuffle);
        let had_resolver_error = self.failures.handle_update(update.resolution_note);
        if list.is_empty() {
            let error = zero_addresses(self.failures.resolution_note());
            self.fail_without_list(error.clone(), control);
            return Err(error);
        }
        self.failures.keep_only(&list);

        match &mut self.phase {
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
            Phase::Ready {
                selected,
                list_dropped,
                ..
            } => {
                let id = self.list.id(*selected);
                self.list.replace(list, control);
                match id.and_then(|id| self.list.position(id)) {
                    Some(at) => {
                        (*selected, *list_dropped) = (at, false);
                        self.refresh_health_check(control);
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
                    ..
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

    fn handle_watch(
        &mut self,
        watch: WatchId,
        _: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        self.handle_health(control, |health, control| {
            health.handle_watch(watch, event, control)
        });
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        let changed = self.list.set_ejected(id, ejected);
        if let Phase::Ready { selected, .. } = self.phase
            && self.obeys_ejections
            && changed == Some(selected)
        {
            self.publish_selected(control);
        }
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        match &self.phase {
            Phase::FirstPass(pass) if pass.deadline.is_some_and(|due| due <= control.now()) => {
                self.advance(control);
            }
            _ => self.handle_health(control, HealthChecker::handle_timeout),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::FirstPass(pass) => pass.deadline,
            Phase::Ready {
                health: Some(health),
                ..
            } => health.poll_timeout(),
            _ => None,
        }
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        if let Phase::Idle = self.phase {
            self.start_pass(control);
        }
    }

    /// Starts the health check again if its back-off was ended. The policy publishes all else as it
    /// handles each event.
    fn settle(&mut self, control: &mut Control<'_>) {
        self.handle_health(control, HealthChecker::settle);
    }

    /// Ends the back-off of the health check. The attempt delay goes on, and the back-off of
    /// connections belongs to the subchannels.
    fn reset_backoff(&mut self) {
        if let Phase::Ready {
            health: Some(health),
            ..
        } = &mut self.phase
        {
            health.reset_backoff();
        }
    }

    fn inspect(&self, _: Instant) -> PolicyNode {
        let state = self.published.unwrap_or(ConnectivityState::Connecting);
        let phase = match self.phase {
            Phase::NoList => "no_list",
            Phase::Idle => "idle",
            Phase::FirstPass(_) => "first_pass",
            Phase::Steady { .. } => "steady",
            Phase::Ready { .. } => "ready",
        };
        let mut node = PolicyNode::new("pick_first", state).with_fact("phase", phase);
        if let Some(health) = self.health() {
            node = node.with_fact("health", health.to_string());
        }
        node.with_endpoints(self.list.inspect())
    }
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
