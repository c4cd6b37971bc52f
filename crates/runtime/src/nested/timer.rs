//! Timers of the reactor, or of async-io.

use std::task::{Context, Poll};
use std::time::Instant;

use super::global::nested;
use super::timers::TimerKey;
use crate::Timer;
use crate::reactor::now;
use crate::reactor::timer::ReactorTimer;

/// Returns a timer that is not set.
pub(crate) fn timer() -> Box<dyn Timer> {
    Box::new(NestedTimer {
        deadline: None,
        inner: None,
        outer: ReactorTimer::new(),
        is_outer: false,
    })
}

/// A timer that waits where its task waits: in our reactor if a thread in `block_on` drives that, else
/// in async-io.
struct NestedTimer {
    deadline: Option<Instant>,
    /// The timer in our reactor, if it waits there.
    inner: Option<TimerKey>,
    /// The timer in async-io.
    outer: ReactorTimer,
    /// True when it waits there.
    is_outer: bool,
}

impl NestedTimer {
    /// Waits in our reactor. Returns false if it is to wait in async-io.
    fn wait(&mut self, deadline: Instant, cx: &Context<'_>) -> bool {
        let Ok(nested) = nested() else {
            return false;
        };
        let timers = &nested.reactor.timers;
        if let Some(key) = self.inner
            && timers.set_waker(key, cx.waker())
        {
            return true;
        }
        self.inner = None;
        if self.is_outer || !nested.is_driven_for_caller() {
            return false;
        }
        let (key, is_first) = timers.insert(deadline, cx.waker().clone());
        self.inner = Some(key);
        if is_first {
            nested.reactor.notify();
            // If it was left to async-io just before that.
            nested.arm();
        }
        true
    }

    fn forget(&mut self) {
        if let Some(key) = self.inner.take()
            && let Ok(nested) = nested()
        {
            nested.reactor.timers.remove(key);
        }
        if std::mem::take(&mut self.is_outer) {
            self.outer.set(None);
        }
    }
}

impl Timer for NestedTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        if self.deadline != deadline {
            self.deadline = deadline;
            self.forget();
        }
    }

    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        if deadline <= now() {
            return Poll::Ready(());
        }
        if self.wait(deadline, cx) {
            return Poll::Pending;
        }
        self.is_outer = true;
        self.outer.set(Some(deadline));
        self.outer.poll_fired(cx)
    }
}

impl Drop for NestedTimer {
    fn drop(&mut self) {
        self.forget();
    }
}
