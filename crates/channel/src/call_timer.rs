//! One timer for the deadlines of all calls of a channel.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use trunkline_runtime::{Alarm, Lock, Runtime};

use crate::core::deadlines::{DeadlineKey, Deadlines};
use crate::open_calls::{cells_per_channel, thread_number};

/// The most calls that are woken without another look for the lock.
const BATCH: usize = 64;

/// The time of a timer that is not set.
const NEVER: u64 = u64::MAX;

/// Wakes the calls of a channel at their deadlines.
///
/// A task of its own, which begins with the first call that has a deadline, follows the earliest one.
/// It is woken when a call comes whose deadline is earlier than the time of its timer, and not when a
/// call leaves. With one timeout for all calls, that is about once in each timeout. So a call sets no
/// timer of the runtime, and allocates nothing once as many calls have waited at a time.
///
/// It outlives the channel as long as a place is left: a response can be read that has a deadline.
#[derive(Default)]
pub(crate) struct CallTimer {
    /// Empty until the first deadline.
    started: OnceLock<Started>,
}

/// A timer whose task runs.
struct Started {
    shards: Box<[Arc<Shard>]>,
    control: Arc<TimerControl>,
}

/// The deadlines of the calls of some threads. It fills cache lines of its own.
#[repr(align(128))]
struct Shard {
    deadlines: Lock<Deadlines<Waker>>,
    /// The number of places, also of those that do not wait yet.
    places: AtomicUsize,
    control: Arc<TimerControl>,
}

/// What the task and the calls share.
struct TimerControl {
    runtime: Arc<dyn Runtime>,
    /// The time of the first call that has a deadline.
    base: Instant,
    /// The time that the task's timer is set to, in nanoseconds after `base`; [`NEVER`] while it is not
    /// set, and while the task looks for the earliest deadline.
    set_to: AtomicU64,
    /// True once the channel is gone.
    is_closed: AtomicBool,
    /// Wakes the task. Taken by each wake.
    task: Lock<Option<Waker>>,
}

/// The place of one call among those that wait for their deadlines. Dropping it gives the place up.
pub(crate) struct DeadlinePlace {
    shard: Arc<Shard>,
    /// `None` until the call waits for the first time.
    key: Option<DeadlineKey>,
}

/// The task: wakes the calls whose deadlines have passed.
struct TimerTask {
    shards: Box<[Arc<Shard>]>,
    control: Arc<TimerControl>,
    alarm: Alarm,
    /// The calls that are woken next. Empty between polls.
    passed: Vec<Waker>,
}

impl CallTimer {
    /// Returns a place for a call that begins now.
    pub(crate) fn place(&self, runtime: &Arc<dyn Runtime>, now: Instant) -> DeadlinePlace {
        let started = self.started.get_or_init(|| Started::new(runtime, now));
        let shard = &started.shards[thread_number() & (started.shards.len() - 1)];
        shard.places.fetch_add(1, SeqCst);
        DeadlinePlace {
            shard: Arc::clone(shard),
            key: None,
        }
    }
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        if let Some(started) = self.started.get() {
            started.control.is_closed.store(true, SeqCst);
            started.control.wake_task();
        }
    }
}

impl Started {
    /// Starts the task of a timer.
    fn new(runtime: &Arc<dyn Runtime>, now: Instant) -> Self {
        let control = Arc::new(TimerControl {
            runtime: Arc::clone(runtime),
            base: now,
            set_to: AtomicU64::new(NEVER),
            is_closed: AtomicBool::new(false),
            task: Lock::new(None),
        });
        let shard = |_| {
            Arc::new(Shard {
                deadlines: Lock::default(),
                places: AtomicUsize::new(0),
                control: Arc::clone(&control),
            })
        };
        let shards: Box<[Arc<Shard>]> = (0..cells_per_channel()).map(shard).collect();
        runtime.spawn(Box::pin(TimerTask {
            shards: shards.clone(),
            control: Arc::clone(&control),
            alarm: Alarm::far(),
            passed: Vec::new(),
        }));
        Self { shards, control }
    }
}

impl TimerControl {
    fn nanos(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.base).as_nanos();
        u64::try_from(nanos).unwrap_or(NEVER).min(NEVER - 1)
    }

    /// Handles a deadline that was added. Returns true if it has passed already.
    fn handle_added(&self, at: Instant) -> bool {
        // The task reads the deadlines after it has stored `NEVER`. So it finds this one, or is woken.
        if self.nanos(at) >= self.set_to.load(SeqCst) {
            return false;
        }
        if at <= self.runtime.now() {
            return true;
        }
        self.wake_task();
        false
    }

    fn wake_task(&self) {
        let task = self.task.lock().take();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl DeadlinePlace {
    /// Returns the runtime whose clock measures the time.
    pub(crate) fn runtime(&self) -> &dyn Runtime {
        &*self.shard.control.runtime
    }

    /// Waits until `at`, which is the same in each call.
    pub(crate) fn poll_passed(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let Some(key) = self.key else {
            let waker = cx.waker().clone();
            self.key = Some(self.shard.deadlines.lock().add(at, waker));
            return if self.shard.control.handle_added(at) {
                Poll::Ready(())
            } else {
                Poll::Pending
            };
        };
        let is_set = {
            let mut deadlines = self.shard.deadlines.lock();
            deadlines.update(key).map(|own| own.will_wake(cx.waker()))
        };
        match is_set {
            None => Poll::Ready(()),
            Some(true) => Poll::Pending,
            Some(false) => self.replace(key, cx.waker().clone()),
        }
    }

    /// Replaces what is woken at the deadline.
    fn replace(&self, key: DeadlineKey, waker: Waker) -> Poll<()> {
        // A waker is an executor's code, which may drop a call: no waker is dropped under the lock.
        let mut deadlines = self.shard.deadlines.lock();
        let own = deadlines.update(key);
        let is_passed = own.is_none();
        let old = match own {
            Some(own) => std::mem::replace(own, waker),
            None => waker,
        };
        drop(deadlines);
        drop(old);
        if is_passed {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for DeadlinePlace {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = self.shard.deadlines.lock().remove(key);
            drop(waker);
        }
        // Before the look at `is_closed`: the task finds that no place is left, or is woken here.
        self.shard.places.fetch_sub(1, SeqCst);
        let control = &self.shard.control;
        if control.is_closed.load(SeqCst) {
            control.wake_task();
        }
    }
}

impl TimerTask {
    /// Wakes the calls whose deadlines have passed.
    fn wake_passed(&mut self, now: Instant) {
        for shard in &self.shards {
            loop {
                let mut deadlines = shard.deadlines.lock();
                let passed = std::iter::from_fn(|| deadlines.take_passed(now));
                self.passed.extend(passed.take(BATCH));
                drop(deadlines);
                let is_last = self.passed.len() < BATCH;
                self.passed.drain(..).for_each(Waker::wake);
                if is_last {
                    break;
                }
            }
        }
    }

    /// Sets the timer to the earliest deadline, and returns that.
    fn next(&self) -> Option<Instant> {
        self.control.set_to.store(NEVER, SeqCst);
        let next = |shard: &Arc<Shard>| shard.deadlines.lock().next();
        let next = self.shards.iter().filter_map(next).min();
        if let Some(next) = next {
            let nanos = self.control.nanos(next);
            self.control.set_to.store(nanos, SeqCst);
        }
        next
    }

    /// Returns true once the channel is gone, and every place. A place that does not wait yet counts too,
    /// because a response can be read for the first time after its channel is gone.
    fn is_over(&self) -> bool {
        let is_unused = |shard: &Arc<Shard>| shard.places.load(SeqCst) == 0;
        self.control.is_closed.load(SeqCst) && self.shards.iter().all(is_unused)
    }
}

impl Future for TimerTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // A waker is an executor's code: none is cloned or dropped under the lock.
        let waker = cx.waker().clone();
        let old = this.control.task.lock().replace(waker);
        drop(old);
        loop {
            if this.is_over() {
                return Poll::Ready(());
            }
            let next = this.next();
            match this.alarm.poll(cx, next, &*this.control.runtime) {
                Poll::Ready(now) => this.wake_passed(now),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for DeadlinePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlinePlace")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::time::Duration;

    use trunkline_sim::Sim;

    use super::*;

    /// Lets all tasks run until nothing is left to do. Returns how many stay.
    fn tasks(sim: &Sim) -> usize {
        let stuck = sim.try_run(pending::<()>());
        stuck.expect_err("a deadlock").tasks.len()
    }

    /// A response can be read for the first time after its channel is gone. Its deadline holds, and
    /// then nothing is left of the timer.
    #[test]
    fn a_place_that_waits_after_its_channel_is_gone() {
        let sim = Sim::new(1);
        let before = tasks(&sim);
        let runtime = sim.runtime();
        let now = runtime.now();
        let timer = CallTimer::default();
        let mut place = timer.place(&runtime, now);
        drop(timer);
        assert_eq!(tasks(&sim), before + 1);
        let at = now + Duration::from_secs(3);
        sim.run(poll_fn(|cx| place.poll_passed(at, cx)));
        assert_eq!(sim.elapsed(), Duration::from_secs(3));
        drop(place);
        assert_eq!(tasks(&sim), before);
    }

    /// A place that never waits leaves nothing of a timer whose channel is gone.
    #[test]
    fn a_place_that_never_waits() {
        let sim = Sim::new(1);
        let before = tasks(&sim);
        let runtime = sim.runtime();
        let timer = CallTimer::default();
        let place = timer.place(&runtime, runtime.now());
        drop(timer);
        assert_eq!(tasks(&sim), before + 1);
        drop(place);
        assert_eq!(tasks(&sim), before);
    }
}
