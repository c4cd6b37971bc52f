//! Replies that wait for a delay or for their release.

use std::fmt;
use std::sync::{Arc, Condvar, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use trunkline_runtime::Lock;
use trunkline_sim::dns::{Type, normalized};

/// Sends replies after their delay, from a thread of its own, or on release.
#[derive(Debug)]
pub(super) struct Schedule {
    queue: Arc<JobQueue>,
    thread: Option<JoinHandle<()>>,
}

/// Sends one reply.
pub(super) type Job = Box<dyn FnOnce() + Send>;

#[derive(Debug, Default)]
struct JobQueue {
    jobs: Lock<Jobs>,
    /// Is notified when a delayed reply is added, and at the end.
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    /// The delayed replies, not sorted because there are few.
    timed: Vec<(Instant, Job)>,
    /// The held replies, by normalized name and type.
    held: Vec<(String, Type, Job)>,
    stopped: bool,
}

impl Schedule {
    pub(super) fn start() -> Self {
        let queue = Arc::<JobQueue>::default();
        let thread = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.run()
        });
        Self {
            queue,
            thread: Some(thread),
        }
    }

    /// Sends a reply after `delay`.
    pub(super) fn after(&self, delay: Duration, send: Job) {
        let at = now() + delay;
        self.queue.jobs.lock().timed.push((at, send));
        self.queue.changed.notify_all();
    }

    /// Sends a reply when [`release`](Self::release) is called for this name and type.
    pub(super) fn hold(&self, name: &str, record_type: Type, send: Job) {
        let name = normalized(name);
        self.queue.jobs.lock().held.push((name, record_type, send));
    }

    /// Sends the replies that are held for this name and type; returns how many.
    pub(super) fn release(&self, name: &str, record_type: Type) -> usize {
        let name = normalized(name);
        let mut jobs = self.queue.jobs.lock();
        let (released, held) = std::mem::take(&mut jobs.held)
            .into_iter()
            .partition(|(owner, ty, _)| *owner == name && *ty == record_type);
        jobs.held = held;
        drop(jobs);
        let released: Vec<(String, Type, Job)> = released;
        let count = released.len();
        for (_, _, send) in released {
            send();
        }
        count
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.queue.jobs.lock().stopped = true;
        self.queue.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl JobQueue {
    fn run(&self) {
        let mut jobs = self.jobs.lock();
        while !jobs.stopped {
            let now = now();
            let (due, later) = std::mem::take(&mut jobs.timed)
                .into_iter()
                .partition(|(at, _)| *at <= now);
            jobs.timed = later;
            let due: Vec<(Instant, Job)> = due;
            if !due.is_empty() {
                drop(jobs);
                for (_, send) in due {
                    send();
                }
                jobs = self.jobs.lock();
                continue;
            }
            let next = jobs.timed.iter().map(|(at, _)| *at).min();
            jobs = match next {
                None => self
                    .changed
                    .wait(jobs)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let timeout = at.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(jobs, timeout);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a real server on real sockets, in tests only"
)]
fn now() -> Instant {
    Instant::now()
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs")
            .field("timed", &self.timed.len())
            .field("held", &self.held.len())
            .field("stopped", &self.stopped)
            .finish()
    }
}
