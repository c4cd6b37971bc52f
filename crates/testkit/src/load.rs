//! Calls at a steady rate, whether they succeed or fail.
//!
//! The module uses neither channels nor stubs: a call is a future that returns the peer's address.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, PoisonError};
use std::time::Duration;

use trunkline_runtime::{BoxFuture, Lock, Runtime};

/// How many calls of [`Load::start`] are in flight at most. Calls beyond that are started later.
const MAX_IN_FLIGHT: u64 = 120;

/// The interval at which calls are started, a few each time.
const TICK: Duration = Duration::from_millis(5);

/// The part of a pause of the machine that is made up for. The calls of the rest are not made: many calls at
/// once, before the client could read what happened meanwhile, are no steady load. Calls that waited for room
/// under `max_in_flight` are still started later.
const MAX_BACKLOG: Duration = Duration::from_millis(20);

/// Makes the call with this number; returns the peer's address, or why the call failed.
pub type Call = Box<dyn Fn(u64) -> BoxFuture<Result<SocketAddr, String>> + Send + Sync>;

/// Makes calls in the background until it is dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<LoadShared>,
}

/// The results of the calls so far.
#[derive(Clone, Debug, Default)]
pub struct LoadOutcome {
    /// How many calls were started.
    pub made: u64,
    /// How many calls were answered, by the client's count.
    pub answered: u64,
    /// How many calls failed for each reason.
    pub failures: BTreeMap<String, u64>,
    /// How many calls each peer answered, by the client's count.
    pub peers: BTreeMap<SocketAddr, u64>,
}

impl LoadOutcome {
    /// Returns how many calls failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Returns how many calls have not ended.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.made - self.answered - self.failed()
    }
}

#[derive(Debug, Default)]
struct LoadShared {
    state: Lock<LoadState>,
    /// Is notified of each call that ends.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct LoadState {
    paused: bool,
    stopped: bool,
    outcome: LoadOutcome,
}

impl Load {
    /// Starts making `rate` calls per second. After a pause of the machine there are fewer: it does not
    /// make up for them.
    ///
    /// At most 120 calls are in flight. Calls beyond that are started later.
    #[must_use]
    pub fn start(runtime: &Arc<dyn Runtime>, rate: u32, call: Call) -> Self {
        Self::start_with(runtime, rate, MAX_IN_FLIGHT, call)
    }

    /// Starts making `rate` calls per second, of which at most `max_in_flight` are in flight. Calls
    /// beyond that are started later.
    #[must_use]
    pub fn start_with(
        runtime: &Arc<dyn Runtime>,
        rate: u32,
        max_in_flight: u64,
        call: Call,
    ) -> Self {
        let shared = Arc::<LoadShared>::default();
        let state = Arc::clone(&shared);
        let task = make_calls(Arc::clone(runtime), (rate, max_in_flight), state, call);
        runtime.spawn(Box::pin(task));
        Self { shared }
    }

    /// Returns the results of the calls so far.
    #[must_use]
    pub fn outcome(&self) -> LoadOutcome {
        self.shared.state.lock().outcome.clone()
    }

    /// Starts no more calls until [`go_on`](Self::go_on).
    pub fn pause(&self) {
        self.shared.state.lock().paused = true;
    }

    /// Starts no more calls and blocks this thread until those in flight have ended; returns false
    /// if some have not ended after `limit`.
    #[must_use]
    pub fn settle(&self, limit: Duration) -> bool {
        self.pause();
        let (_state, timeout) = self
            .shared
            .ended
            .wait_timeout_while(self.shared.state.lock(), limit, |state| {
                state.outcome.in_flight() > 0
            })
            .unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    /// Starts calls again after [`pause`](Self::pause).
    pub fn go_on(&self) {
        self.shared.state.lock().paused = false;
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
    }
}

async fn make_calls(
    runtime: Arc<dyn Runtime>,
    (rate, max_in_flight): (u32, u64),
    shared: Arc<LoadShared>,
    call: Call,
) {
    let mut last = runtime.now();
    // The calls that are due, in millionths.
    let mut due: u64 = 0;
    loop {
        runtime.sleep_until(last + TICK).await;
        let now = runtime.now();
        let passed = (now - last).min(MAX_BACKLOG);
        last = now;
        let numbers = {
            let mut state = shared.state.lock();
            if state.stopped {
                return;
            }
            if state.paused {
                continue;
            }
            due += u64::from(passed.subsec_micros()) * u64::from(rate);
            let room = max_in_flight.saturating_sub(state.outcome.in_flight());
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
                let mut state = shared.state.lock();
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
