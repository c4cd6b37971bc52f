//! Calls at a steady rate, whatever becomes of them.
//!
//! It knows neither channels nor stubs: a call is a future that tells who answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trunkline_runtime::{BoxFuture, Runtime};

/// No more calls than this wait for their answer at a time; more are made up for later.
const MOST_IN_FLIGHT: u64 = 120;

/// How often calls are made: a few each time.
const TICK: Duration = Duration::from_millis(5);

/// Makes one call, of this number: who answered, or why it failed.
pub type Call = Box<dyn Fn(u64) -> BoxFuture<Result<SocketAddr, String>> + Send + Sync>;

/// Makes calls in the background until it is dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
}

/// What came of the calls up to now.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Calls that were begun.
    pub made: u64,
    /// Calls that were answered, as the client sees it.
    pub answered: u64,
    /// How often each reason came.
    pub failures: BTreeMap<String, u64>,
    /// Who answered, as the client sees it.
    pub peers: BTreeMap<SocketAddr, u64>,
}

impl Outcome {
    /// Calls that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Calls that have not ended.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.made - self.answered - self.failed()
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    paused: bool,
    stopped: bool,
    outcome: Outcome,
}

impl Load {
    /// Begins with `rate` calls a second.
    ///
    /// What could not be begun because too many calls were in flight is made up for later.
    #[must_use]
    pub fn start(runtime: &Arc<dyn Runtime>, rate: u32, call: Call) -> Self {
        let shared = Arc::<Shared>::default();
        let task = make_calls(Arc::clone(runtime), rate, Arc::clone(&shared), call);
        runtime.spawn(Box::pin(task));
        Self { shared }
    }

    /// What came of the calls up to now.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.shared.lock().outcome.clone()
    }

    /// Makes no more calls until [`go_on`](Self::go_on).
    pub fn pause(&self) {
        self.shared.lock().paused = true;
    }

    /// Makes no more calls, and blocks this thread until those that are made have ended; false if
    /// some have not after `limit`.
    #[must_use]
    pub fn settle(&self, limit: Duration) -> bool {
        self.pause();
        let (_state, timeout) = self
            .shared
            .ended
            .wait_timeout_while(self.shared.lock(), limit, |state| {
                state.outcome.in_flight() > 0
            })
            .unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    /// Makes calls again.
    pub fn go_on(&self) {
        self.shared.lock().paused = false;
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn make_calls(runtime: Arc<dyn Runtime>, rate: u32, shared: Arc<Shared>, call: Call) {
    let mut last = runtime.now();
    // In millionths of a call.
    let mut due: u64 = 0;
    loop {
        runtime.sleep_until(last + TICK).await;
        let now = runtime.now();
        let passed = (now - last).min(Duration::from_millis(500));
        last = now;
        let numbers = {
            let mut state = shared.lock();
            if state.stopped {
                return;
            }
            if state.paused {
                continue;
            }
            due += u64::from(passed.subsec_micros()) * u64::from(rate);
            let room = MOST_IN_FLIGHT.saturating_sub(state.outcome.in_flight());
            let count = (due / 1_000_000).min(room);
            due -= count * 1_000_000;
            let first = state.outcome.made;
            state.outcome.made += count;
            first..first + count
        };
        for number in numbers {
            let answer = call(number);
            let shared = Arc::clone(&shared);
            runtime.spawn(Box::pin(async move {
                let answer = answer.await;
                let mut state = shared.lock();
                match answer {
                    Ok(peer) => {
                        state.outcome.answered += 1;
                        *state.outcome.peers.entry(peer).or_default() += 1;
                    }
                    Err(why) => *state.outcome.failures.entry(why).or_default() += 1,
                }
                drop(state);
                shared.ended.notify_all();
            }));
        }
    }
}
