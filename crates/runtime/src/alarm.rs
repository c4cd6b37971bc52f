//! The timer of a shell that drives a sans-I/O core.

use std::fmt;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use crate::{Runtime, Timer};

/// A timer that follows the next deadline of a sans-I/O core.
///
/// It makes the runtime's timer when there is a deadline for the first time, and sets it only when
/// the deadline changes.
///
/// ```
/// use std::sync::Arc;
/// use std::task::{Context, Poll};
/// use std::time::Instant;
/// use trunkline_runtime::{Alarm, Runtime};
///
/// # struct Core;
/// # impl Core {
/// #     fn poll_timeout(&self) -> Option<Instant> { None }
/// #     fn handle_timeout(&mut self, _: Instant) {}
/// # }
/// struct Shell {
///     core: Core,
///     alarm: Alarm,
///     runtime: Arc<dyn Runtime>,
/// }
///
/// impl Shell {
///     fn poll_time(&mut self, cx: &mut Context<'_>) {
///         let deadline = self.core.poll_timeout();
///         if let Poll::Ready(now) = self.alarm.poll(cx, deadline, &*self.runtime) {
///             self.core.handle_timeout(now);
///         }
///     }
/// }
/// ```
#[derive(Default)]
pub struct Alarm {
    /// `None` until the first deadline.
    timer: Option<Box<dyn Timer>>,
    /// The deadline that `timer` is set to.
    deadline: Option<Instant>,
}

impl Alarm {
    /// Returns an alarm that has no timer yet.
    pub const fn new() -> Self {
        Self {
            timer: None,
            deadline: None,
        }
    }

    /// Sets the timer to `deadline`, and returns the time once the deadline has passed.
    ///
    /// The time is that of the runtime's clock, but never before `deadline`: a timer may fire a
    /// little before the clock reaches its deadline. Given an earlier time, the core would find
    /// nothing due and return the same deadline again, in a loop without end.
    ///
    /// Without a deadline it is pending. Pass the same `runtime` in each call: the first one makes
    /// the timer.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Option<Instant>,
        runtime: &dyn Runtime,
    ) -> Poll<Instant> {
        if deadline.is_none() && self.timer.is_none() {
            return Poll::Pending;
        }
        let timer = self.timer.get_or_insert_with(|| runtime.timer());
        if self.deadline != deadline {
            timer.set(deadline);
            self.deadline = deadline;
        }
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        ready!(timer.poll_fired(cx));
        Poll::Ready(runtime.now().max(deadline))
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
