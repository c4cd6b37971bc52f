//! What a pick costs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use http::HeaderMap;
use trunkline_benches::allocations::allocations;
use trunkline_benches::clock::{nanoseconds, thread_time, wall_time};
use trunkline_benches::statistics::median;
use trunkline_lb::SubchannelId;

use crate::contestant::Contestant;

/// The calls of one measurement.
const BATCH: usize = 4096;

/// The size of a run.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// How often each contestant has its turn.
    pub(crate) rounds: usize,
    /// How many batches of calls it makes in a turn.
    pub(crate) batches: usize,
}

/// The costs of one contestant in nanoseconds, a value a round.
#[derive(Default)]
pub(crate) struct Costs {
    /// A pick, on one thread.
    pub(crate) one: Vec<f64>,
    /// A pick, while another thread picks too.
    pub(crate) two: Vec<f64>,
    /// The end of a call, on one thread.
    pub(crate) end: Vec<f64>,
    /// The allocations of a batch of picks and of their ends.
    pub(crate) allocations: u64,
}

/// Measures all contestants in turns, so that the noise of the machine affects all of them.
pub(crate) fn measure(
    contestants: &[&dyn Contestant],
    requests: &[HeaderMap],
    plan: Plan,
) -> Vec<Costs> {
    let mut costs: Vec<Costs> = contestants.iter().map(|_| Costs::default()).collect();
    let mut calls = vec![None; BATCH];
    for (contestant, costs) in contestants.iter().zip(&mut costs) {
        // The first batch also makes what a thread makes once.
        run(*contestant, requests, &mut calls, 1);
        assert!(calls.iter().all(Option::is_some), "a call has no backend");
        costs.allocations = allocations(|| {
            contestant.pick(requests, &mut calls);
            contestant.end(&calls);
        });
    }
    let other = Other::default();
    thread::scope(|scope| {
        scope.spawn(|| other.run(contestants, requests));
        for _ in 0..plan.rounds {
            let turns = contestants.iter().zip(&mut costs).enumerate();
            for (at, (contestant, costs)) in turns {
                let (pick, end) = run(*contestant, requests, &mut calls, plan.batches);
                costs.one.push(pick);
                costs.end.push(end);
                other.current.store(at, Ordering::Relaxed);
                let pick = run_beside(&other, *contestant, requests, &mut calls, plan.batches);
                other.current.store(IDLE, Ordering::Relaxed);
                costs.two.push(pick);
            }
        }
        other.current.store(END, Ordering::Relaxed);
    });
    costs
}

/// The other thread, the same for the whole measurement, as a program's threads are.
struct Other {
    /// The number of the contestant that it picks from without pause, or one of those below.
    current: AtomicUsize,
    /// How many batches it has made.
    batches: AtomicUsize,
}

/// It waits.
const IDLE: usize = usize::MAX;
/// It ends.
const END: usize = usize::MAX - 1;

impl Default for Other {
    fn default() -> Self {
        Self {
            current: AtomicUsize::new(IDLE),
            batches: AtomicUsize::new(0),
        }
    }
}

impl Other {
    fn run(&self, contestants: &[&dyn Contestant], requests: &[HeaderMap]) {
        let mut calls = vec![None; BATCH];
        loop {
            match self.current.load(Ordering::Relaxed) {
                END => return,
                IDLE => thread::yield_now(),
                at => {
                    contestants[at].pick(requests, &mut calls);
                    contestants[at].end(&calls);
                    self.batches.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Returns the median times of a pick and of an end.
fn run(
    contestant: &dyn Contestant,
    requests: &[HeaderMap],
    calls: &mut [Option<SubchannelId>],
    batches: usize,
) -> (f64, f64) {
    let mut picks = Vec::new();
    let mut ends = Vec::new();
    for _ in 0..batches {
        picks.push(nanoseconds(|| contestant.pick(requests, calls)));
        ends.push(nanoseconds(|| contestant.end(calls)));
    }
    let each = |times: &[f64]| median(times) / calls.len() as f64;
    (each(&picks), each(&ends))
}

/// Returns the median time of a pick while another thread picks without pause. Not a number if the
/// machine does not run both threads at the same time.
fn run_beside(
    other: &Other,
    contestant: &dyn Contestant,
    requests: &[HeaderMap],
    calls: &mut [Option<SubchannelId>],
    batches: usize,
) -> f64 {
    /// How many batches are measured together.
    const TOGETHER: usize = 4;
    let mut picks = Vec::new();
    for _ in 0..4 * batches {
        let (start, ran) = (wall_time(), thread_time());
        let before = other.batches.load(Ordering::Relaxed);
        let mut time = 0.0;
        for _ in 0..TOGETHER {
            time += nanoseconds(|| contestant.pick(requests, calls));
            contestant.end(calls);
        }
        // Both threads have run all the time, each on a core of its own.
        let is_alone = wall_time() - start < (thread_time() - ran).mul_f64(1.2);
        if is_alone && other.batches.load(Ordering::Relaxed) - before >= TOGETHER / 2 {
            picks.push(time);
        }
        if picks.len() == batches {
            break;
        }
    }
    median(&picks) / (TOGETHER * calls.len()) as f64
}
