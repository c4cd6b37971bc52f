//! The picker of `least_request`, and the count of each endpoint's calls.

use std::hint::{black_box, select_unpredictable};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::attempt::{AttemptOutcome, AttemptTracker};
use crate::per_thread::PickRng;
use crate::picker::{Pick, PickRequest, Picker};
use crate::sharding::Positions;
use crate::subchannel::SubchannelId;

/// From this many ready endpoints on, their counts do not fit into the fastest cache.
const LARGE: usize = 512;

/// A ready endpoint.
#[derive(Clone, Debug)]
pub(super) struct ReadyEndpoint {
    /// Its connected subchannel.
    pub(super) id: SubchannelId,
    /// Its calls in flight. All pickers share it for as long as the endpoint stays ready.
    in_flight: Arc<InFlight>,
}

/// The number of calls in flight at one endpoint.
///
/// All threads count here: the number is the same for all of them by its nature. A cache line has two
/// counts. One each would take more memory than it saves waits: a pick reads two counts at random
/// places, and those of 10,000 endpoints are to fit into the processor's cache.
#[derive(Debug, Default)]
struct InFlight(AtomicU32);

impl ReadyEndpoint {
    /// Creates an endpoint that has become ready: without calls in flight.
    pub(super) fn new(id: SubchannelId) -> Self {
        Self {
            id,
            in_flight: Arc::default(),
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.0.load(Ordering::Relaxed)
    }
}

/// Draws a few endpoints at random for each call, and picks the one with the fewest calls in flight.
#[derive(Debug)]
pub(super) struct LeastRequestPicker {
    ready: Box<[ReadyEndpoint]>,
    /// The position in `ready` of each subchannel.
    positions: Positions,
    choice_count: u32,
    rng: Arc<PickRng>,
}

impl LeastRequestPicker {
    /// Creates a picker over the endpoints that are ready.
    pub(super) fn new(ready: Box<[ReadyEndpoint]>, choice_count: u32, rng: Arc<PickRng>) -> Self {
        Self {
            positions: Positions::new(ready.iter().map(|endpoint| endpoint.id)),
            ready,
            choice_count,
            rng,
        }
    }

    /// Draws `choice_count` endpoints, each from all of them, and returns the first of those with the
    /// fewest calls in flight.
    fn least_loaded(&self) -> Option<&ReadyEndpoint> {
        if self.ready.len() < 2 {
            return self.ready.first();
        }
        let mut bits = self.rng.next_number();
        let mut least = self.draw(bits as u32);
        let mut fewest = self.ready[least].in_flight();
        for choice in 1..self.choice_count {
            // Each random number has the bits for two draws.
            bits = if choice % 2 == 0 {
                self.rng.next_number()
            } else {
                bits >> 32
            };
            let other = self.draw(bits as u32);
            let in_flight = self.ready[other].in_flight();
            // A branch would be a coin toss for the processor.
            least = select_unpredictable(in_flight < fewest, other, least);
            fewest = fewest.min(in_flight);
        }
        if self.ready.len() >= LARGE {
            self.load_upcoming();
        }
        Some(&self.ready[least])
    }

    /// Loads the first two counts of this thread's next pick into the processor's cache, beside those
    /// of this pick. Afterwards the addition to a count makes all later loads wait for it.
    fn load_upcoming(&self) {
        let bits = self.rng.upcoming_number();
        let in_flight = |bits: u32| self.ready[self.draw(bits)].in_flight();
        // The numbers themselves do not matter.
        black_box(in_flight(bits as u32) ^ in_flight((bits >> 32) as u32));
    }

    /// Returns the position of the endpoint that 32 random bits stand for. The chances of two
    /// endpoints differ by less than the number of endpoints in 2^32.
    fn draw(&self, bits: u32) -> usize {
        let product = u64::from(bits) * self.ready.len() as u64;
        (product >> 32) as usize
    }
}

impl Picker for LeastRequestPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        let Some(endpoint) = self.least_loaded() else {
            return Pick::Queue;
        };
        endpoint.in_flight.0.fetch_add(1, Ordering::Relaxed);
        Pick::Subchannel(endpoint.id)
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        Some(self)
    }
}

impl AttemptTracker for LeastRequestPicker {
    fn attempt_ended(&self, id: SubchannelId, _: &AttemptOutcome<'_>) {
        if let Some(at) = self.positions.get(id) {
            self.ready[at].in_flight.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
