//! Timers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// One timer that can be set again and again.
///
/// # Examples
///
/// ```
/// use std::task::{Context, Poll};
/// use std::time::Instant;
/// use trunkline_runtime::Timer;
///
/// /// Counts how often a timer is set.
/// struct Counted {
///     inner: Box<dyn Timer>,
///     count: usize,
/// }
///
/// impl Timer for Counted {
///     fn set(&mut self, deadline: Option<Instant>) {
///         self.count += usize::from(deadline.is_some());
///         self.inner.set(deadline);
///     }
///
///     fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
///         self.inner.poll_fired(cx)
///     }
/// }
/// ```
pub trait Timer: Send {
    /// Sets the time at which the timer fires, or unsets it. Replaces the time that was set before.
    ///
    /// The timer wakes no task after this until [`poll_fired`](Self::poll_fired) is called again.
    fn set(&mut self, deadline: Option<Instant>);

    /// Returns ready once the time that was set has come, and at each later call until the timer is
    /// set again. A timer that is not set stays pending.
    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// A future that is ready when its timer fires.
#[must_use = "a future does nothing unless it is polled"]
pub struct Sleep {
    timer: Box<dyn Timer>,
}

impl Sleep {
    pub(crate) fn new(timer: Box<dyn Timer>) -> Self {
        Self { timer }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_fired(cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").finish_non_exhaustive()
    }
}
