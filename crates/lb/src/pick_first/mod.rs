//! The policy `pick_first`: one connection, to the first address that works.

mod config;
mod failure;
mod list;
mod pass;
mod slots;

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_backoff::Rng;
use trunkline_status::Status;

use self::failure::Failures;
use self::pass::Pass;
use self::slots::{Link, Slots};
use crate::errors::{resolver_error, zero_addresses};
use crate::{
    ConnectivityState, Control, OldList, Pick, Policy, PolicyOptions, SubchannelId,
    SubchannelState, Update, WatchEvent, WatchId,
};

pub use self::config::{PickFirstConfig, PickFirstFactory};

/// Connects to the first address of its list that works, and sends every call there.
///
/// The list is the endpoints' addresses, endpoints shuffled if the configuration says so, each
/// address once, families taken in turn. On a *first pass* the addresses are tried in that order:
/// the next one starts when the newest attempt fails, or has run for the attempt delay; earlier
/// attempts go on. The first to be ready wins and all others are dropped. When every address has
/// failed once, the policy fails calls, with an error that names the addresses, and from then on
/// tries all of them again, each when its own back-off is over, until one is ready; it never gives
/// up, and does not waver between failing and connecting meanwhile.
///
/// A lost connection makes it idle: the next call, or [`exit_idle`](Policy::exit_idle), starts
/// another pass from the head of the list.
///
/// A new list keeps the connection if its address is still there, and keeps the attempts and
/// back-offs of the addresses that stay. It begins a new pass, unless it has the very same
/// addresses: then the pass under way goes on, so that a resolver that repeats itself cannot put
/// off its end for ever.
///
/// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md),
/// [gRFC A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md),
/// [gRFC A113](https://github.com/grpc/proposal/blob/master/A113-pick-first-weighted-shuffling.md).
#[derive(Debug)]
pub struct PickFirst {
    rng: Rng,
    attempt_delay: Duration,
    /// The addresses in the order to try them, with their subchannels.
    slots: Slots,
    phase: Phase,
    /// Whether calls fail since a pass has failed: true until something is ready, also while
    /// another pass runs.
    failing: bool,
    /// What is shown.
    shown: Option<ConnectivityState>,
    failures: Failures,
}

/// What the policy is doing.
#[derive(Debug)]
enum Phase {
    /// Waiting for a list that can be used. There are no slots.
    NoList,
    /// Not connected, waiting to be asked to.
    Idle,
    /// Trying the addresses in their order.
    FirstPass(Pass),
    /// Trying all addresses, each at its own pace.
    Steady {
        /// How many attempts have failed since the pass ended.
        failures: usize,
    },
    /// Connected; no other slot has a subchannel.
    Ready {
        /// The slot that is connected.
        selected: usize,
        /// Whether the address belongs to the name no more, so that it is not dialled again. It is
        /// the only slot then.
        list_dropped: bool,
    },
}

impl PickFirst {
    /// A policy that waits for its first list.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        Self {
            rng: Rng::from_seed(options.seed),
            attempt_delay: options.attempt_delay.get(),
            slots: Slots::default(),
            phase: Phase::NoList,
            failing: false,
            shown: None,
            failures: Failures::default(),
        }
    }

    /// The subchannel that is connected.
    #[must_use]
    pub fn selected(&self) -> Option<SubchannelId> {
        match self.phase {
            Phase::Ready { selected, .. } => self.slots.id(selected),
            _ => None,
        }
    }

    /// Gives the list up: nothing is left to dial, and calls fail.
    fn fail_without_list(&mut self, error: Status, control: &mut Control<'_>) {
        self.slots.clear(control);
        self.phase = Phase::NoList;
        self.failing = false;
        self.show(
            ConnectivityState::TransientFailure,
            Pick::Fail(error),
            control,
        );
    }

    /// Takes the subchannel of one slot, which is ready.
    fn select(&mut self, at: usize, id: SubchannelId, control: &mut Control<'_>) {
        self.slots.keep_only(at, control);
        self.slots.set_link(at, Link::Ready);
        self.failing = false;
        self.failures.clear();
        self.phase = Phase::Ready {
            selected: at,
            list_dropped: false,
        };
        self.show(ConnectivityState::Ready, Pick::Subchannel(id), control);
    }

    /// Hears of the subchannel that is selected.
    fn handle_selected(&mut self, at: usize, state: SubchannelState, control: &mut Control<'_>) {
        let link = match state {
            SubchannelState::Ready => return,
            SubchannelState::Idle => Link::Idle,
            SubchannelState::Connecting => Link::Connecting,
            SubchannelState::TransientFailure(error) => {
                self.failures.note(self.slots.address(at), error);
                Link::Backoff
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
        self.slots.set_link(at, link);
        if link == Link::Idle {
            self.phase = Phase::Idle;
            self.show(ConnectivityState::Idle, Pick::ExitIdle, control);
        } else {
            // A subchannel with several connections may get here (gRFC A105).
            self.start_pass(control);
        }
    }

    fn show_failure(&mut self, control: &mut Control<'_>) {
        let error = self.failures.to_status(&self.slots);
        self.show(
            ConnectivityState::TransientFailure,
            Pick::Fail(error),
            control,
        );
    }

    fn show(&mut self, state: ConnectivityState, pick: Pick, control: &mut Control<'_>) {
        self.shown = Some(state);
        control.publish(state, Arc::new(pick));
    }
}

impl Policy for PickFirst {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let shuffle = PickFirstConfig::of(&update).shuffle_address_list;
        let list = list::addresses(&update.endpoints, shuffle.then_some(&mut self.rng));
        let had_resolver_error = self.failures.handle_update(update.resolution_note);
        if list.is_empty() {
            let error = zero_addresses(self.failures.resolver_note());
            self.fail_without_list(error.clone(), control);
            return Err(error);
        }
        self.failures.keep_only(&list);

        match self.phase {
            // The very same addresses, perhaps in another order: the pass under way goes on.
            Phase::FirstPass(_) | Phase::Steady { .. } if self.slots.has_all_of(&list) => {
                if had_resolver_error && self.failing {
                    self.show_failure(control);
                }
            }
            Phase::NoList | Phase::FirstPass(_) | Phase::Steady { .. } => {
                self.slots.replace(list, control);
                self.start_pass(control);
            }
            Phase::Idle => self.slots.replace(list, control),
            Phase::Ready { selected, .. } => {
                let id = self.slots.id(selected);
                self.slots.replace(list, control);
                match id.and_then(|id| self.slots.position(id)) {
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
                self.slots.truncate_to(*selected);
                *selected = 0;
            }
            (Phase::NoList, _) | (_, OldList::DropList) => self.fail_without_list(error, control),
            (_, OldList::Keep) if self.failing => self.show_failure(control),
            (_, OldList::Keep) => {}
        }
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        // What is said late of a subchannel that was removed finds no slot.
        let Some(at) = self.slots.position(id) else {
            return;
        };
        if let Phase::Ready { .. } = self.phase {
            return self.handle_selected(at, state, control);
        }
        match state {
            SubchannelState::Ready => self.select(at, id, control),
            SubchannelState::Connecting => self.slots.set_link(at, Link::Connecting),
            SubchannelState::Idle if self.slots.link(at) == Some(Link::Connecting) => {
                let error = Status::unavailable("the connection was lost before it was ready");
                self.handle_failure(at, Link::Idle, error, control);
            }
            SubchannelState::Idle => {
                self.slots.set_link(at, Link::Idle);
                if let Phase::Steady { .. } = self.phase {
                    self.slots.connect(at, control);
                }
            }
            SubchannelState::TransientFailure(error) => {
                self.handle_failure(at, Link::Backoff, error, control);
            }
        }
    }

    /// Does nothing: it starts no watch.
    fn handle_watch(&mut self, _: WatchId, _: SubchannelId, _: WatchEvent, _: &mut Control<'_>) {}

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        if self.poll_timeout().is_some_and(|due| due <= control.now()) {
            self.advance(control);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::FirstPass(pass) => pass.deadline(),
            _ => None,
        }
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        if let Phase::Idle = self.phase {
            self.start_pass(control);
        }
    }

    /// Does nothing: it publishes as it handles each event.
    fn settle(&mut self, _: &mut Control<'_>) {}

    /// Does nothing: its only wait is the attempt delay, and back-off belongs to the subchannels.
    fn reset_backoff(&mut self) {}
}
