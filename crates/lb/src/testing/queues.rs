//! A simulation of the queues in front of endpoints.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use trunkline_backoff::Rng;
use trunkline_service_config::PolicyConfig;
use trunkline_status::{Code, Status};

use super::fake_channel::{FakeChannel, pick};
use crate::attempt::AttemptOutcome;
use crate::picker::{Pick, Picker};
use crate::policy::Policy;
use crate::subchannel::{SubchannelId, SubchannelState};

/// A service whose calls wait in queues, to compare how policies spread load in time.
///
/// Calls arrive at random, independent of each other (a Poisson process). Each endpoint serves one
/// call after the other, each for a random time (exponential, with a mean of 1). So with random
/// choice each endpoint is an M/M/1 queue. The same model gives the same result each time.
///
/// ```
/// use std::sync::Arc;
/// use trunkline_lb::testing::QueueModel;
/// use trunkline_lb::{LeastRequest, LeastRequestConfig, PolicyOptions};
///
/// let model = QueueModel::default().with_calls(20_000);
/// let random = model.run_random();
/// let policy = LeastRequest::new(&PolicyOptions::new(1));
/// let least = model.run(policy, Arc::new(LeastRequestConfig::default()));
/// assert!(least.percentile(0.99) < random.percentile(0.99));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct QueueModel {
    /// The number of endpoints. 100 by default.
    pub endpoints: usize,
    /// The share of the time for which an endpoint is busy, from 0 to 1. 0.8 by default.
    pub load: f64,
    /// The number of calls. The first tenth does not count, because the queues begin empty. 400,000
    /// by default.
    pub calls: usize,
    /// The seed of all random times.
    pub seed: u64,
}

impl Default for QueueModel {
    fn default() -> Self {
        Self {
            endpoints: 100,
            load: 0.8,
            calls: 400_000,
            seed: 1,
        }
    }
}

impl QueueModel {
    /// Sets the number of endpoints. Default: 100.
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: usize) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// Sets the share of the time for which an endpoint is busy. Default: 0.8.
    #[must_use]
    pub fn with_load(mut self, load: f64) -> Self {
        self.load = load;
        self
    }

    /// Sets the number of calls. Default: 400,000.
    #[must_use]
    pub fn with_calls(mut self, calls: usize) -> Self {
        self.calls = calls;
        self
    }

    /// Sets the seed of all random times. Default: 1.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs the model with `policy`. Its first update has all endpoints, which connect at once.
    ///
    /// # Panics
    ///
    /// When the policy refuses the list, or its picker returns something else than a subchannel.
    pub fn run(&self, policy: impl Policy, config: Arc<dyn PolicyConfig>) -> QueueLengths {
        let addresses: Vec<String> = (0..self.endpoints)
            .map(|number| format!("10.{}.{}.1:443", number / 256, number % 256))
            .collect();
        let mut channel = FakeChannel::new(policy);
        channel.set_config(config);
        let accepted = channel.update(&addresses.join(" "));
        accepted.expect("the policy accepts the list");
        channel.has_more = true;
        let mut endpoints = BTreeMap::new();
        for (endpoint, address) in addresses.iter().enumerate() {
            let id = channel.id(address);
            endpoints.insert(id, endpoint);
            channel.set_id(id, SubchannelState::Ready);
        }
        channel.settle();
        let picker = channel.picker();
        let choose = || match pick(&*picker) {
            Pick::Subchannel(id) => (endpoints[&id], id),
            other => panic!("expected a subchannel, found {other:?}"),
        };
        self.simulate(choose, |id| end_attempt(&*picker, id))
    }

    /// Runs the model with an endpoint that is chosen at random for each call.
    #[must_use]
    pub fn run_random(&self) -> QueueLengths {
        let mut rng = Rng::from_seed(!self.seed);
        self.simulate(|| (rng.below(self.endpoints), ()), |()| {})
    }

    /// Runs the model. `choose` returns the endpoint of a call, with what `end` gets at the end of
    /// the call.
    fn simulate<T: Copy>(
        &self,
        mut choose: impl FnMut() -> (usize, T),
        mut end: impl FnMut(T),
    ) -> QueueLengths {
        let mut rng = Rng::from_seed(self.seed);
        let mut queues = Queues::new(self.endpoints);
        let mut ends = BinaryHeap::new();
        let rate = self.load * self.endpoints as f64;
        let mut arrival = 0.0;
        for call in 0..self.calls {
            arrival += exponential(&mut rng) / rate;
            while let Some(Departure { at, endpoint }) = ends.peek().copied()
                && at <= arrival
            {
                ends.pop();
                end(queues.leave(endpoint, at));
                if queues.len(endpoint) > 0 {
                    let at = at + exponential(&mut rng);
                    ends.push(Departure { at, endpoint });
                }
            }
            if call == self.calls / 10 {
                queues.forget(arrival);
            }
            let (endpoint, tag) = choose();
            queues.join(endpoint, tag, arrival);
            if queues.len(endpoint) == 1 {
                let at = arrival + exponential(&mut rng);
                ends.push(Departure { at, endpoint });
            }
        }
        queues.into_lengths(arrival)
    }
}

/// For how much of the time the queue of an endpoint was how long, over all endpoints of a
/// [`QueueModel`]. The call that is served counts as one in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueLengths {
    /// The share of the time for each length; the sum is 1.
    shares: Vec<f64>,
}

impl QueueLengths {
    /// Returns the share of the time for which a queue had at least this length.
    #[must_use]
    pub fn at_least(&self, length: usize) -> f64 {
        self.shares.iter().skip(length).sum()
    }

    /// Returns the length that a queue did not exceed for this share of the time: 0.99 for the 99th
    /// percentile.
    #[must_use]
    pub fn percentile(&self, share: f64) -> usize {
        let within = |length: &usize| 1.0 - self.at_least(length + 1) >= share;
        let longest = self.longest();
        (0..longest).find(within).unwrap_or(longest)
    }

    /// Returns the length of the longest queue.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.shares.len().saturating_sub(1)
    }
}

/// The queues of all endpoints, and the time for which one was how long.
#[derive(Debug)]
struct Queues<T> {
    /// The calls of each endpoint, the oldest first.
    calls: Vec<VecDeque<T>>,
    /// When the length of each queue changed last.
    since: Vec<f64>,
    /// The time for each length.
    times: Vec<f64>,
}

impl<T> Queues<T> {
    fn new(endpoints: usize) -> Self {
        Self {
            calls: (0..endpoints).map(|_| Default::default()).collect(),
            since: vec![0.0; endpoints],
            times: Vec::new(),
        }
    }

    fn len(&self, endpoint: usize) -> usize {
        self.calls[endpoint].len()
    }

    fn join(&mut self, endpoint: usize, tag: T, now: f64) {
        self.count(endpoint, now);
        self.calls[endpoint].push_back(tag);
    }

    fn leave(&mut self, endpoint: usize, now: f64) -> T {
        self.count(endpoint, now);
        let oldest = self.calls[endpoint].pop_front();
        oldest.expect("an endpoint that ends a call has one")
    }

    /// Adds the time since the last change to that of the current length.
    fn count(&mut self, endpoint: usize, now: f64) {
        let length = self.len(endpoint);
        if self.times.len() <= length {
            self.times.resize(length + 1, 0.0);
        }
        self.times[length] += now - self.since[endpoint];
        self.since[endpoint] = now;
    }

    /// Begins to count the time now.
    fn forget(&mut self, now: f64) {
        self.since.fill(now);
        self.times.clear();
    }

    fn into_lengths(mut self, now: f64) -> QueueLengths {
        for endpoint in 0..self.calls.len() {
            self.count(endpoint, now);
        }
        let total: f64 = self.times.iter().sum();
        let shares = self.times.iter().map(|time| time / total);
        QueueLengths {
            shares: shares.collect(),
        }
    }
}

/// The end of the call that an endpoint serves.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Departure {
    at: f64,
    endpoint: usize,
}

impl Eq for Departure {}

/// The earliest departure is the greatest, as a [`BinaryHeap`] needs it.
impl Ord for Departure {
    fn cmp(&self, other: &Self) -> Ordering {
        let earliest = other.at.total_cmp(&self.at);
        earliest.then(other.endpoint.cmp(&self.endpoint))
    }
}

impl PartialOrd for Departure {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Returns a random time with an exponential distribution, and a mean of 1.
fn exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.fraction()).ln()
}

fn end_attempt(picker: &dyn Picker, id: SubchannelId) {
    if let Some(tracker) = picker.tracker() {
        let status = Status::new(Code::Ok, "");
        tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
    }
}
