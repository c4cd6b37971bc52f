//! Timers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// One timer that can be set again and again.
pub trait Timer: Send {
    /// Sets the time at which the timer fires, or unsets it. Replaces what was set before.
    fn set(&mut self, deadline: Option<Instant>);

    /// Ready when the time that was set has come, and again at each poll until it is set anew.
    /// A timer that is not set is pending for ever.
    ///
    /// After [`set`](Self::set) the timer wakes nobody until it is polled again.
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
