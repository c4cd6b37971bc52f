//! Tasks that a thread in `block_on` runs, or async-std's pool.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{AcqRel, Acquire, SeqCst},
};
use std::task::{Context, Poll, Wake, Waker};

use crate::{BoxFuture, Lock};

/// Decides where a task runs that is to be polled.
pub(super) trait Schedule: Sync {
    /// Has the task run, once: by [`Task::run`] or [`Task::run_on_pool`].
    fn schedule(&self, task: Arc<Task>);
}

/// A task. Its wakers keep it alive.
///
/// Each wake of a task that is not scheduled schedules it once, so that it never runs on two threads.
pub(super) struct Task {
    /// Some of the flags below.
    state: AtomicU8,
    /// `None` once it has ended. Locked by the thread that runs the task, and only by that.
    future: Lock<Option<BoxFuture<()>>>,
    pool: Lock<Pool>,
    /// True when the task on the pool is to run this one.
    is_on_pool: AtomicBool,
    /// True for the driver of a connection, which never blocks.
    is_driver: bool,
    scheduler: &'static dyn Schedule,
}

/// The task is to be polled, and is in the hands of the scheduler or runs.
const SCHEDULED: u8 = 1;
/// The task is being polled.
const RUNNING: u8 = 2;
/// The task has ended.
const ENDED: u8 = 4;

/// The task of async-std's pool that runs a task there.
enum Pool {
    /// There is none: the task did not run there yet.
    Absent,
    /// There is one, with its waker once it was polled.
    Present(Option<Waker>),
}

impl Task {
    /// Makes a task, and schedules it. `is_driver` is true if it never blocks.
    pub(super) fn spawn(future: BoxFuture<()>, is_driver: bool, scheduler: &'static dyn Schedule) {
        scheduler.schedule(Arc::new(Self {
            state: AtomicU8::new(SCHEDULED),
            future: Lock::new(Some(future)),
            pool: Lock::new(Pool::Absent),
            is_on_pool: AtomicBool::new(false),
            is_driver,
            scheduler,
        }));
    }

    /// Returns whether the task never blocks.
    pub(super) fn is_driver(&self) -> bool {
        self.is_driver
    }

    /// Polls the task, which was scheduled, on this thread. A panic ends the task, and nothing else.
    pub(super) fn run(self: &Arc<Self>) {
        // The flag SCHEDULED is unset, so a wake from here on schedules it again.
        self.state.swap(RUNNING, AcqRel);
        let waker = Waker::from(Arc::clone(self));
        let mut slot = self.future.lock();
        let poll = match &mut *slot {
            Some(future) => {
                let mut cx = Context::from_waker(&waker);
                let poll = || future.as_mut().poll(&mut cx);
                catch_unwind(AssertUnwindSafe(poll)).unwrap_or(Poll::Ready(()))
            }
            None => Poll::Ready(()),
        };
        let ended = if poll.is_ready() { slot.take() } else { None };
        drop(slot);
        if poll.is_ready() {
            self.state.store(ENDED, SeqCst);
            // The panic hook has printed the panic.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(ended)));
            self.wake_pool();
        } else if self.state.fetch_and(!RUNNING, AcqRel) & SCHEDULED != 0 {
            self.scheduler.schedule(Arc::clone(self));
        }
    }

    /// Has async-std's pool run the task, which was scheduled.
    pub(super) fn run_on_pool(self: &Arc<Self>) {
        self.is_on_pool.store(true, SeqCst);
        let mut pool = self.pool.lock();
        match &*pool {
            Pool::Absent => {
                *pool = Pool::Present(None);
                drop(pool);
                drop(async_std::task::spawn(PoolTask(Arc::clone(self))));
            }
            Pool::Present(_) => {
                drop(pool);
                self.wake_pool();
            }
        }
    }

    fn wake_pool(&self) {
        let waker = match &*self.pool.lock() {
            Pool::Present(Some(waker)) => waker.clone(),
            // It looks at the task when it is polled for the first time.
            Pool::Present(None) | Pool::Absent => return,
        };
        waker.wake();
    }

    fn set_pool_waker(&self, waker: &Waker) {
        let mut pool = self.pool.lock();
        if !matches!(&*pool, Pool::Present(Some(own)) if own.will_wake(waker)) {
            let old = std::mem::replace(&mut *pool, Pool::Present(Some(waker.clone())));
            drop(pool);
            // A waker is an executor's code, which is not run under the lock.
            drop(old);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.state.fetch_or(SCHEDULED, AcqRel) == 0 {
            let scheduler = self.scheduler;
            scheduler.schedule(self);
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(SCHEDULED, AcqRel) == 0 {
            self.scheduler.schedule(Arc::clone(self));
        }
    }
}

impl Drop for Task {
    /// The last waker of a task that waits is gone: nothing can wake it any more. The future is dropped
    /// on the pool, because the waker may be dropped under any lock.
    fn drop(&mut self) {
        if let Some(future) = self.future.lock().take() {
            drop(async_std::task::spawn(async move { drop(future) }));
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

/// Runs a task on async-std's pool, each time that it is scheduled there.
struct PoolTask(Arc<Task>);

impl Future for PoolTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // First, so that a schedule at the same time finds it.
        self.0.set_pool_waker(cx.waker());
        if self.0.is_on_pool.swap(false, SeqCst) {
            self.0.run();
        }
        if self.0.state.load(Acquire) & ENDED == 0 {
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}
