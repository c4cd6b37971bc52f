//! The end of all that holds something.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use trunkline_runtime::Lock;

/// Returns what is held, and what waits until it is held no more.
///
/// It is one small allocation, where a channel of messages would be a large one and a listener.
pub(crate) fn held() -> (Held, Released) {
    let shared = Arc::new(Shared {
        holders: AtomicUsize::new(1),
        waiting: Lock::new(None),
    });
    let held = Held {
        shared: Arc::clone(&shared),
    };
    (held, Released { shared })
}

/// Held until it and all its clones are dropped.
pub(crate) struct Held {
    shared: Arc<Shared>,
}

/// Waits until all of the other side is dropped.
pub(crate) struct Released {
    shared: Arc<Shared>,
}

struct Shared {
    holders: AtomicUsize,
    /// Woken by the last holder.
    waiting: Lock<Option<Waker>>,
}

impl Released {
    /// Returns ready once nothing is held. The task of the last call is woken.
    pub(crate) fn poll_released(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.holders.load(SeqCst) == 0 {
            return Poll::Ready(());
        }
        let mut waiting = self.shared.waiting.lock();
        let is_set = waiting
            .as_ref()
            .is_some_and(|own| own.will_wake(cx.waker()));
        // A waker is an executor's code: none is dropped under the lock.
        let old = if is_set {
            None
        } else {
            waiting.replace(cx.waker().clone())
        };
        drop(waiting);
        drop(old);
        // The last holder counts first, then takes the waker. So it finds this one, or is seen here.
        if self.shared.holders.load(SeqCst) == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        self.shared.holders.fetch_add(1, SeqCst);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.shared.holders.fetch_sub(1, SeqCst) == 1 {
            let waiting = self.shared.waiting.lock().take();
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    /// The last holder wakes the task that has polled last, once.
    #[test]
    fn the_last_holder_wakes() {
        let (first, last) = (Arc::<Count>::default(), Arc::<Count>::default());
        let poll = |released: &Released, count: &Arc<Count>| {
            let waker = Arc::clone(count).into();
            released.poll_released(&mut Context::from_waker(&waker))
        };
        let (held, released) = held();
        let clone = held.clone();
        for count in [&first, &last, &last] {
            assert_eq!(poll(&released, count), Poll::Pending);
        }
        drop(held);
        assert_eq!(poll(&released, &last), Poll::Pending);
        assert_eq!(last.0.load(SeqCst), 0);
        drop(clone);
        assert_eq!([&first, &last].map(|count| count.0.load(SeqCst)), [0, 1]);
        for _ in 0..2 {
            assert_eq!(poll(&released, &last), Poll::Ready(()));
        }
    }

    /// What was dropped before is found at the first poll.
    #[test]
    fn nothing_is_held_from_the_start() {
        let (held, released) = held();
        drop(held);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(released.poll_released(&mut cx), Poll::Ready(()));
    }
}
