//! The picker of `least_request`.

use std::hint::select_unpredictable;
use std::sync::Arc;

use super::counts::{Count, Counts, Place};
use crate::attempt::{AttemptOutcome, AttemptTracker};
use crate::per_thread::PickRng;
use crate::picker::{Pick, PickRequest, Picker};
use crate::subchannel::SubchannelId;
use crate::subchannel_table::SubchannelTable;

/// A ready endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadyEndpoint {
    /// Its connected subchannel.
    pub(super) id: SubchannelId,
    /// Where its calls in flight are counted, for as long as it stays ready.
    pub(super) place: Place,
}

/// Draws a few endpoints at random for each call, and picks the one with the fewest calls in flight.
#[derive(Debug)]
pub(super) struct LeastRequestPicker {
    pub(super) ready: Box<[ReadyEndpoint]>,
    /// Where the calls of each subchannel are counted.
    pub(super) places: SubchannelTable<Place>,
    pub(super) counts: Counts,
    pub(super) choice_count: u32,
    pub(super) rng: Arc<PickRng>,
}

impl LeastRequestPicker {
    /// Draws `choice_count` endpoints, each from all of them, and returns the first of those with the
    /// fewest calls in flight, and its count.
    fn least_loaded(&self) -> Option<(&ReadyEndpoint, &Count)> {
        if self.ready.len() < 2 {
            let endpoint = self.ready.first()?;
            return Some((endpoint, self.counts.at(endpoint.place)));
        }
        let mut bits = self.rng.next_number();
        let (mut least, mut count) = self.draw(bits as u32);
        let mut fewest = count.get();
        for choice in 1..self.choice_count {
            // Each random number has the bits for two draws.
            bits = if choice % 2 == 0 {
                self.rng.next_number()
            } else {
                bits >> 32
            };
            let (other, other_count) = self.draw(bits as u32);
            let in_flight = other_count.get();
            // A branch would be a coin toss for the processor. References, so that nothing is looked up
            // after the choice.
            let is_less = in_flight < fewest;
            least = select_unpredictable(is_less, other, least);
            count = select_unpredictable(is_less, other_count, count);
            fewest = fewest.min(in_flight);
        }
        Some((least, count))
    }

    /// Returns the endpoint that 32 random bits choose, and its count. The chances of two endpoints
    /// differ by less than the number of endpoints in 2^32.
    fn draw(&self, bits: u32) -> (&ReadyEndpoint, &Count) {
        let product = u64::from(bits) * self.ready.len() as u64;
        let endpoint = &self.ready[(product >> 32) as usize];
        (endpoint, self.counts.at(endpoint.place))
    }
}

impl Picker for LeastRequestPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        let Some((endpoint, count)) = self.least_loaded() else {
            return Pick::Queue;
        };
        count.add();
        Pick::Subchannel(endpoint.id)
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        Some(self)
    }
}

impl AttemptTracker for LeastRequestPicker {
    fn attempt_ended(&self, id: SubchannelId, _: &AttemptOutcome<'_>) {
        if let Some(place) = self.places.get(id) {
            self.counts.at(*place).subtract();
        }
    }
}
