//! The first pass over the addresses, and the steady retries after it.

use trunkline_status::Status;

use super::address_list::ConnState;
use super::state::{Pass, Phase, PickFirst};
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::labels::{labelled_addresses, labels_of_update};
use crate::picker::Pick;
use crate::policy::Update;

impl PickFirst {
    /// Returns true if another policy of the channel is connected to an address of this update.
    pub(crate) fn finds_connection(update: &Update, control: &Control<'_>) -> bool {
        let labels = labels_of_update(&update.attributes);
        let endpoints = update.endpoints.iter();
        let mut addresses = endpoints.flat_map(|endpoint| labelled_addresses(endpoint, &labels));
        addresses.any(|address| control.is_connected(&address))
    }

    /// Starts a pass over all addresses, from the first.
    pub(super) fn start_pass(&mut self, control: &mut Control<'_>) {
        self.list.forget_failures();
        self.phase = Phase::FirstPass(Pass::default());
        if !self.sticky_failure && self.published != Some(ConnectivityState::Connecting) {
            self.publish(ConnectivityState::Connecting, Pick::Queue, control);
        }
        if !self.join_connected(control) {
            self.advance(control);
        }
    }

    /// Uses an address to which another policy of the channel is connected, whatever its place in the list,
    /// and returns true if there is one: its connection is shared, where the first address would be
    /// dialled. The pass goes on after the attempt delay if the connection is lost in that moment.
    ///
    /// Source: gRFC A61: a subchannel of a new list that is ready is used.
    fn join_connected(&mut self, control: &mut Control<'_>) -> bool {
        // The only address is the first one.
        if self.list.len() < 2 {
            return false;
        }
        let mut positions = 0..self.list.len();
        let Some(at) = positions.find(|at| control.is_connected(self.list.address(*at))) else {
            return false;
        };
        self.list.connect(at, control);
        if let Phase::FirstPass(pass) = &mut self.phase {
            pass.deadline = Some(control.now() + self.attempt_delay);
        }
        true
    }

    /// Starts the next attempt that can be started, and ends the pass if every address has failed.
    pub(super) fn advance(&mut self, control: &mut Control<'_>) {
        let Phase::FirstPass(pass) = &mut self.phase else {
            return;
        };
        pass.deadline = None;
        while pass.next < self.list.len() {
            let at = pass.next;
            pass.next += 1;
            if self.list.state(at) == Some(ConnState::Backoff) {
                pass.failed += usize::from(self.list.mark_failed(at));
                continue;
            }
            self.list.connect(at, control);
            if pass.next < self.list.len() {
                pass.deadline = Some(control.now() + self.attempt_delay);
            }
            return;
        }
        if pass.failed == self.list.len() {
            self.end_pass(control);
        }
    }

    /// Ends a pass in which every address has failed: from now on each is retried when its own
    /// back-off is over, and `TRANSIENT_FAILURE` is sticky.
    fn end_pass(&mut self, control: &mut Control<'_>) {
        self.phase = Phase::Steady { failures: 0 };
        self.sticky_failure = true;
        control.request_reresolution();
        self.publish_failure(control);
        for at in 0..self.list.len() {
            self.list.connect(at, control);
        }
    }

    /// Handles the failure of an attempt. `state` is the state of its subchannel after it.
    pub(super) fn handle_failure(
        &mut self,
        at: usize,
        state: ConnState,
        error: Status,
        control: &mut Control<'_>,
    ) {
        self.list.set_state(at, state);
        self.failures.record(self.list.address(at), error);
        match &mut self.phase {
            Phase::FirstPass(pass) if at < pass.next => {
                pass.failed += usize::from(self.list.mark_failed(at));
                // Only the failure of the newest attempt starts the next one early (gRFC A61).
                if at + 1 == pass.next || pass.failed == self.list.len() {
                    self.advance(control);
                }
            }
            Phase::Steady { failures } => {
                *failures += 1;
                // Once per pass over the list, not once per address.
                if *failures % self.list.len() == 0 {
                    control.request_reresolution();
                    self.publish_failure(control);
                }
                if state == ConnState::Idle {
                    self.list.connect(at, control);
                }
            }
            _ => {}
        }
    }
}
