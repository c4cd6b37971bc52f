//! The timer of a shell that drives a sans-I/O core.

use std::fmt;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

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
    near: Option<Box<dyn Timer>>,
    /// For deadlines that are far away; `None` until the first one.
    far: Option<Box<dyn Timer>>,
    /// True if such deadlines are expected.
    expects_far: bool,
    /// True while `far` is set, and not `near`.
    is_far: bool,
    /// The deadline that the timer is set to.
    deadline: Option<Instant>,
}

/// The least distance of a deadline that is far away. Deadlines that change often are nearer.
const FAR: Duration = Duration::from_secs(10);

impl Alarm {
    /// Returns an alarm that has no timer yet.
    pub const fn new() -> Self {
        Self {
            near: None,
            far: None,
            expects_far: false,
            is_far: false,
            deadline: None,
        }
    }

    /// Returns an alarm that takes a [`far_timer`](Runtime::far_timer) for deadlines that are at
    /// least 10 s away. Use it for a shell that lives as long as a channel: the timer may take a
    /// descriptor.
    pub const fn far() -> Self {
        let mut alarm = Self::new();
        alarm.expects_far = true;
        alarm
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
        if self.deadline != deadline {
            self.set(deadline, runtime);
        }
        let timer = if self.is_far {
            &mut self.far
        } else {
            &mut self.near
        };
        let (Some(deadline), Some(timer)) = (deadline, timer) else {
            return Poll::Pending;
        };
        ready!(timer.poll_fired(cx));
        Poll::Ready(runtime.now().max(deadline))
    }

    /// Sets the timer that is right for `deadline`, and unsets the other one.
    fn set(&mut self, deadline: Option<Instant>, runtime: &dyn Runtime) {
        self.deadline = deadline;
        let is_far = |at: Instant| at.saturating_duration_since(runtime.now()) >= FAR;
        self.is_far = self.expects_far && deadline.is_some_and(is_far);
        let (timer, other) = if self.is_far {
            (&mut self.far, &mut self.near)
        } else {
            (&mut self.near, &mut self.far)
        };
        if let Some(other) = other {
            other.set(None);
        }
        if timer.is_none() && deadline.is_some() {
            *timer = Some(if self.is_far {
                runtime.far_timer()
            } else {
                runtime.timer()
            });
        }
        if let Some(timer) = timer {
            timer.set(deadline);
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
