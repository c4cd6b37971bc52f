//! The first pass, and what comes after it.

use std::time::Instant;

use trunkline_status::Status;

use super::slots::Link;
use super::{Phase, PickFirst};
use crate::{ConnectivityState, Control, Pick};

/// How far a first pass has come.
///
/// What a slot did before the pass reached it does not count: its state is looked at when its turn
/// comes. (Else a slot that failed and ended its back-off early would be neither tried nor failed,
/// and the pass would never end.)
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// The first slot whose turn has not come. The one before it is the newest attempt.
    next: usize,
    /// How many slots have failed in this pass.
    failed: usize,
    /// When the next slot starts, if nothing else starts it earlier.
    deadline: Option<Instant>,
}

impl Pass {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl PickFirst {
    /// Tries all slots anew, from the first.
    pub(super) fn start_pass(&mut self, control: &mut Control<'_>) {
        self.slots.forget_failures();
        self.phase = Phase::FirstPass(Pass::default());
        if !self.failing && self.shown != Some(ConnectivityState::Connecting) {
            self.show(ConnectivityState::Connecting, Pick::Queue, control);
        }
        self.advance(control);
    }

    /// Starts the next slot that can be started, and ends the pass if all have failed.
    pub(super) fn advance(&mut self, control: &mut Control<'_>) {
        let Phase::FirstPass(pass) = &mut self.phase else {
            return;
        };
        pass.deadline = None;
        while pass.next < self.slots.len() {
            let at = pass.next;
            pass.next += 1;
            if self.slots.link(at) == Some(Link::Backoff) {
                pass.failed += usize::from(self.slots.fail(at));
                continue;
            }
            self.slots.connect(at, control);
            if pass.next < self.slots.len() {
                pass.deadline = Some(control.now() + self.attempt_delay);
            }
            return;
        }
        if pass.failed == self.slots.len() {
            self.end_pass(control);
        }
    }

    /// Every slot has failed: from now on each goes at its own pace.
    fn end_pass(&mut self, control: &mut Control<'_>) {
        self.phase = Phase::Steady { failures: 0 };
        self.failing = true;
        control.request_reresolution();
        self.show_failure(control);
        for at in 0..self.slots.len() {
            self.slots.connect(at, control);
        }
    }

    /// Hears that the attempt of a slot has failed, and what the slot is now.
    pub(super) fn handle_failure(
        &mut self,
        at: usize,
        link: Link,
        error: Status,
        control: &mut Control<'_>,
    ) {
        self.slots.set_link(at, link);
        self.failures.note(self.slots.address(at), error);
        match &mut self.phase {
            Phase::FirstPass(pass) if at < pass.next => {
                pass.failed += usize::from(self.slots.fail(at));
                // Only the newest attempt speeds the pass up (gRFC A61).
                if at + 1 == pass.next || pass.failed == self.slots.len() {
                    self.advance(control);
                }
            }
            Phase::Steady { failures } => {
                *failures += 1;
                if *failures % self.slots.len() == 0 {
                    control.request_reresolution();
                    self.show_failure(control);
                }
                if link == Link::Idle {
                    self.slots.connect(at, control);
                }
            }
            _ => {}
        }
    }
}
