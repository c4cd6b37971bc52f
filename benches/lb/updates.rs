//! What a new list of endpoints costs, and what an endpoint keeps in memory.

use std::sync::Arc;
use std::time::Instant;

use trunkline_benches::clock::nanoseconds;
use trunkline_benches::driver::{Driver, endpoint, endpoints};
use trunkline_benches::memory::growth;
use trunkline_benches::statistics::median;
use trunkline_endpoint::Endpoint;
use trunkline_lb::SubchannelState;

use crate::policy::Policy;

/// One in this many endpoints changes with an update.
pub(crate) const CHANGED: u32 = 100;

/// The CPU time of one update, in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Update {
    /// The list alone.
    pub(crate) list: f64,
    /// The connections of the new endpoints, which become ready one by one.
    pub(crate) connections: f64,
}

impl Update {
    pub(crate) fn total(self) -> f64 {
        self.list + self.connections
    }
}

/// Measures updates of `count` endpoints that are ready, of which 1 % are replaced. Returns the
/// medians of `rounds` updates.
pub(crate) fn measure(policy: &Policy, count: u32, rounds: u32, now: Instant) -> Update {
    let mut driver = policy.ready(count, now);
    let mut list: Vec<Endpoint> = endpoints(count).to_vec();
    let (mut lists, mut connections) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let replaced = list.iter_mut().skip((round % CHANGED) as usize);
        let numbers = count + round * count.div_ceil(CHANGED)..;
        for (old, number) in replaced.step_by(CHANGED as usize).zip(numbers) {
            *old = endpoint(number);
        }
        let new: Arc<[Endpoint]> = list.iter().cloned().collect();
        lists.push(nanoseconds(|| driver.update(new, now)) / 1e3);
        connections.push(nanoseconds(|| connect_one_by_one(&mut driver, now)) / 1e3);
    }
    Update {
        list: median(&lists),
        connections: median(&connections),
    }
}

fn connect_one_by_one(driver: &mut Driver, now: Instant) {
    for id in driver.take_dials() {
        driver.set(id, SubchannelState::Ready, now);
        driver.settle(now);
    }
}

/// The bytes that a policy keeps for one endpoint, the table of the bench's channel included.
pub(crate) struct Memory {
    /// While it connects for the first time.
    pub(crate) connecting: i64,
    /// While it is ready, and no call runs.
    pub(crate) ready: i64,
}

/// Measures the memory of a policy with `count` endpoints.
pub(crate) fn memory(policy: &Policy, count: u32, now: Instant) -> Memory {
    // What the first policy of a process makes once does not count.
    drop(policy.driver(1));
    let list = endpoints(count);
    let (connecting, mut driver) = growth(|| {
        let mut driver = policy.driver(1);
        driver.update(list, now);
        driver
    });
    let (more, ()) = growth(|| driver.connect_all(now));
    let each = |bytes: i64| bytes / i64::from(count);
    Memory {
        connecting: each(connecting),
        ready: each(connecting + more),
    }
}
