//! A waker that can be held back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Wake, Waker};

use trunkline_runtime::Lock;

/// Wakes a task, which may change, and can be held back.
///
/// A wake that comes while it is held back happens at the [release](Self::release). Each call sets, holds
/// and wakes several times, so these take as few locked instructions as they can.
#[derive(Debug)]
pub(crate) struct HeldWaker {
    waker: Waker,
    signal: Arc<Signal>,
}

#[derive(Debug, Default)]
struct Signal {
    /// It stays set when it is woken: the next poll then finds it.
    task: Lock<Option<Waker>>,
    /// Some of the flags below.
    state: AtomicU8,
}

/// Wakes are held back.
const HELD: u8 = 1;
/// The task is to be woken at the release.
const DUE: u8 = 2;

impl Default for HeldWaker {
    fn default() -> Self {
        let signal = Arc::<Signal>::default();
        Self {
            waker: Waker::from(Arc::clone(&signal)),
            signal,
        }
    }
}

impl HeldWaker {
    /// Returns the waker that wakes the task.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Sets the task that wakes are for.
    pub(crate) fn set_task(&self, task: &Waker) {
        let is_set = |own: &Waker| own.will_wake(task);
        if self.signal.task.lock().as_ref().is_some_and(is_set) {
            return;
        }
        // A waker is an executor's code, which may drop a call: it is not run under the lock.
        let task = Some(task.clone());
        let old = std::mem::replace(&mut *self.signal.task.lock(), task);
        drop(old);
    }

    /// Frees the task. It is not woken any more.
    pub(crate) fn clear_task(&self) {
        let task = self.signal.task.lock().take();
        drop(task);
    }

    /// Holds wakes back.
    pub(crate) fn hold(&self) {
        self.signal.state.fetch_or(HELD, SeqCst);
    }

    /// Forgets the wakes that were held back so far.
    pub(crate) fn forget(&self) {
        self.signal.state.fetch_and(!DUE, SeqCst);
    }

    /// Ends the holding back, and wakes the task if it is due.
    pub(crate) fn release(&self) {
        if self.signal.state.swap(0, SeqCst) & DUE != 0 {
            self.signal.wake_task();
        }
    }
}

impl Signal {
    fn wake_task(&self) {
        // It is not run under the lock either.
        let task = self.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_held = self.state.load(SeqCst) & HELD != 0;
        // A release at the same time either finds the flag, or came before it.
        if is_held && self.state.fetch_or(DUE, SeqCst) & HELD != 0 {
            return;
        }
        if is_held {
            self.state.fetch_and(!DUE, SeqCst);
        }
        // After the flag is cleared, because another wake may have set it for a later hold: this wake counts
        // for that one too.
        self.wake_task();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::thread;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn check(wakes: usize, act: impl FnOnce(&HeldWaker)) {
        let (held, count) = (HeldWaker::default(), Arc::<Count>::default());
        held.set_task(&Waker::from(Arc::clone(&count)));
        act(&held);
        assert_eq!(count.0.load(SeqCst), wakes);
    }

    /// Each wake happens at once.
    #[test]
    fn wakes_at_once() {
        check(2, |held| {
            held.waker().wake_by_ref();
            held.waker().wake_by_ref();
        });
    }

    /// Wakes that are held back happen at the release, once.
    #[test]
    fn wakes_at_the_release() {
        check(0, |held| {
            held.hold();
            held.waker().wake_by_ref();
        });
        check(1, |held| {
            held.hold();
            held.waker().wake_by_ref();
            held.waker().wake_by_ref();
            held.release();
            held.release();
        });
    }

    /// A wake that was forgotten does not happen; one that follows does.
    #[test]
    fn forgets_wakes() {
        check(0, |held| {
            held.hold();
            held.waker().wake_by_ref();
            held.forget();
            held.release();
        });
        check(1, |held| {
            held.hold();
            held.forget();
            held.waker().wake_by_ref();
            held.release();
        });
    }

    /// Each wake is followed by one of the task, also while another thread releases and holds.
    #[test]
    fn no_wake_is_lost_between_threads() {
        const ROUNDS: usize = 2_000;
        let (held, count) = (HeldWaker::default(), Arc::<Count>::default());
        held.set_task(&Waker::from(Arc::clone(&count)));
        let round = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    round.wait();
                    held.waker().wake_by_ref();
                    round.wait();
                }
            });
            for at in 0..ROUNDS {
                let before = count.0.load(SeqCst);
                held.hold();
                round.wait();
                held.release();
                held.hold();
                let between = count.0.load(SeqCst);
                held.waker().wake_by_ref();
                held.release();
                round.wait();
                let after = count.0.load(SeqCst);
                assert!(before < after && between < after, "round {at}");
            }
        });
    }

    /// Records whether the lock is free when it is dropped.
    struct Dropped {
        signal: Arc<Signal>,
        is_free: Arc<AtomicBool>,
    }

    impl Wake for Dropped {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Dropped {
        fn drop(&mut self) {
            let is_free = self.signal.task.try_lock().is_some();
            self.is_free.store(is_free, SeqCst);
        }
    }

    /// The waker of an earlier task is dropped without the lock: that may drop a call, which takes it.
    #[test]
    fn an_old_waker_is_dropped_without_the_lock() {
        let (held, is_free) = (HeldWaker::default(), Arc::<AtomicBool>::default());
        let dropped = Dropped {
            signal: Arc::clone(&held.signal),
            is_free: Arc::clone(&is_free),
        };
        held.set_task(&Waker::from(Arc::new(dropped)));
        held.set_task(Waker::noop());
        assert!(is_free.load(SeqCst));
    }
}
