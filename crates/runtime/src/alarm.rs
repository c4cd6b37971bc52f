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
    /// The usual timer.
    near: SetTimer,
    /// For deadlines that are far away.
    far: SetTimer,
    /// True if such deadlines are expected.
    expects_far: bool,
    /// Until then `near` is set in place of `far`; `None` until the first deadline that is far away.
    trial_end: Option<Instant>,
    /// The deadline that the timers are set for.
    deadline: Option<Instant>,
}

/// A timer, and the time that it is set to.
#[derive(Default)]
struct SetTimer {
    /// `None` until it is set for the first time.
    timer: Option<Box<dyn Timer>>,
    at: Option<Instant>,
}

/// The least distance of a deadline that is far away. Deadlines that change often are nearer.
const FAR: Duration = Duration::from_secs(10);

/// How long a shell has no timer for deadlines that are far away. Most shells that end early, such as a
/// channel for one call, then never make one; others have the usual timer for this short time.
const TRIAL: Duration = Duration::from_secs(1);

impl Alarm {
    /// Returns an alarm that has no timer yet.
    pub const fn new() -> Self {
        Self {
            near: SetTimer::new(),
            far: SetTimer::new(),
            expects_far: false,
            trial_end: None,
            deadline: None,
        }
    }

    /// Returns an alarm that takes a [`far_timer`](Runtime::far_timer) for deadlines that are at
    /// least 10 s away. Use it for a shell that lives as long as a channel: the timer may take a
    /// descriptor.
    ///
    /// It is made 1 s after the first such deadline was set. A shell that ends before does not pay for it.
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
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        if let Some(at) = self.near.at {
            ready!(self.near.poll_fired(cx));
            if at == deadline {
                return Poll::Ready(runtime.now().max(deadline));
            }
            // The end of the trial.
            self.set_far(deadline, runtime);
        }
        ready!(self.far.poll_fired(cx));
        Poll::Ready(runtime.now().max(deadline))
    }

    /// Sets the timer that is right for `deadline`, and unsets the other one.
    fn set(&mut self, deadline: Option<Instant>, runtime: &dyn Runtime) {
        self.deadline = deadline;
        let now = runtime.now();
        let is_far = |at: &Instant| self.expects_far && at.saturating_duration_since(now) >= FAR;
        let Some(far) = deadline.filter(is_far) else {
            self.set_near(deadline, runtime);
            return;
        };
        // Another deadline does not prolong the trial.
        let trial_end = *self.trial_end.get_or_insert(now + TRIAL);
        if now < trial_end {
            self.set_near(Some(trial_end), runtime);
        } else {
            self.set_far(far, runtime);
        }
    }

    fn set_near(&mut self, at: Option<Instant>, runtime: &dyn Runtime) {
        self.far.set(None, || runtime.far_timer());
        self.near.set(at, || runtime.timer());
    }

    fn set_far(&mut self, at: Instant, runtime: &dyn Runtime) {
        self.near.set(None, || runtime.timer());
        self.far.set(Some(at), || runtime.far_timer());
    }
}

impl SetTimer {
    const fn new() -> Self {
        Self {
            timer: None,
            at: None,
        }
    }

    /// Sets or unsets the timer, and makes it where it is set for the first time.
    fn set(&mut self, at: Option<Instant>, make: impl FnOnce() -> Box<dyn Timer>) {
        if self.at == at {
            return;
        }
        self.at = at;
        self.timer.get_or_insert_with(make).set(at);
    }

    /// Returns ready once the time that was set has come.
    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) => timer.poll_fired(cx),
            None => Poll::Pending,
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
