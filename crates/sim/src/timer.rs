//! Timers in virtual time.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use trunkline_runtime::Timer;

use crate::world::{EventKey, SharedWorld, World};

pub(crate) struct SimTimer {
    shared: Arc<SharedWorld>,
    deadline: Option<Instant>,
    /// The event that wakes the task that polled last.
    event: Option<EventKey>,
}

impl SimTimer {
    pub(crate) fn new(shared: Arc<SharedWorld>) -> Self {
        Self {
            shared,
            deadline: None,
            event: None,
        }
    }

    fn disarm(&mut self) {
        if let Some(key) = self.event.take() {
            drop(self.shared.with(|world| world.unschedule(key)));
        }
    }
}

impl Timer for SimTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.disarm();
        self.deadline = deadline;
    }

    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.disarm();
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let at = deadline.saturating_duration_since(self.shared.base);
        let waker = cx.waker().clone();
        self.event = self.shared.with(|world| {
            if at <= world.now {
                world.discard(Some(waker));
                return None;
            }
            let fire = Box::new(|world: &mut World| {
                world.trace("a timer fires".to_owned());
                world.wake(Some(waker));
            });
            Some(world.schedule(at, "a timer".to_owned(), fire))
        });
        match self.event {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    }
}

impl Drop for SimTimer {
    fn drop(&mut self) {
        self.disarm();
    }
}

/// Waits for virtual time to pass.
pub(crate) async fn sleep(shared: &Arc<SharedWorld>, duration: Duration) {
    let mut timer = SimTimer::new(shared.clone());
    timer.set(Some(shared.now() + duration));
    poll_fn(|cx| timer.poll_fired(cx)).await;
}
