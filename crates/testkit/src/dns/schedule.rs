//! Replies that wait for their time, or for a word.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use trunkline_sim::dns::{Type, normalized};

/// Sends what it has been given, when its time has come.
#[derive(Debug)]
pub(super) struct Schedule {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Sends one reply.
pub(super) type Job = Box<dyn FnOnce() + Send>;

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Not sorted: there are never many.
    timed: Vec<(Instant, Job)>,
    held: Vec<(String, Type, Job)>,
    stopped: bool,
}

impl Schedule {
    pub(super) fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.run()
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// Sends after `delay`.
    pub(super) fn after(&self, delay: Duration, send: Job) {
        let at = now() + delay;
        self.shared.lock().timed.push((at, send));
        self.shared.changed.notify_all();
    }

    /// Sends when [`release`](Self::release) is called for this name and type.
    pub(super) fn hold(&self, name: &str, record_type: Type, send: Job) {
        let name = normalized(name);
        self.shared.lock().held.push((name, record_type, send));
    }

    /// Sends what is held for this name and type; says how many replies that were.
    pub(super) fn release(&self, name: &str, record_type: Type) -> usize {
        let name = normalized(name);
        let mut state = self.shared.lock();
        let (released, held) = std::mem::take(&mut state.held)
            .into_iter()
            .partition(|(owner, ty, _)| *owner == name && *ty == record_type);
        state.held = held;
        drop(state);
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
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let now = now();
            let (due, later) = std::mem::take(&mut state.timed)
                .into_iter()
                .partition(|(at, _)| *at <= now);
            state.timed = later;
            let due: Vec<(Instant, Job)> = due;
            if !due.is_empty() {
                drop(state);
                for (_, send) in due {
                    send();
                }
                state = self.lock();
                continue;
            }
            let next = state.timed.iter().map(|(at, _)| *at).min();
            state = match next {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let timeout = at.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(state, timeout);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a real server on real sockets, in tests only"
)]
fn now() -> Instant {
    Instant::now()
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("timed", &self.timed.len())
            .field("held", &self.held.len())
            .field("stopped", &self.stopped)
            .finish()
    }
}
