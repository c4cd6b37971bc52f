//! Timers over async-io.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::clock::now;
use crate::Timer;

/// A timer that registers with the reactor only when it is polled before its time, because each
/// registration is a system call.
pub(crate) struct ReactorTimer {
    deadline: Option<Instant>,
    timer: async_io::Timer,
    /// True when `timer` is set to `deadline`.
    armed: bool,
}

impl ReactorTimer {
    /// Returns such a timer in a box.
    #[cfg(any(feature = "smol", not(target_os = "linux")))]
    pub(crate) fn boxed() -> Box<dyn Timer> {
        Box::new(Self::new())
    }

    pub(crate) fn new() -> Self {
        Self {
            deadline: None,
            timer: async_io::Timer::never(),
            armed: false,
        }
    }
}

impl Timer for ReactorTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        if self.deadline == deadline {
            return;
        }
        self.deadline = deadline;
        if self.armed {
            self.timer = async_io::Timer::never();
            self.armed = false;
        }
    }

    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        if deadline <= now() {
            return Poll::Ready(());
        }
        if !self.armed {
            self.timer.set_at(deadline);
            self.armed = true;
        }
        // The timer is ready at once if the deadline has passed since the check above. Later polls
        // are then ready by that check.
        Pin::new(&mut self.timer).poll(cx).map(|_| ())
    }
}
