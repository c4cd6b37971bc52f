//! Timers in virtual time.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use trunkline_runtime::Timer;

use crate::world::{EventKey, Shared};

pub(crate) struct SimTimer {
    shared: Arc<Shared>,
    deadline: Option<Instant>,
    /// The event that wakes whoever polled last.
    event: Option<EventKey>,
}

impl SimTimer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
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
            let fire = Box::new(|world: &mut crate::world::World| {
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
