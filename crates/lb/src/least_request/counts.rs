//! The numbers of calls in flight at the endpoints.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The cache lines of one block, and the counts of one line.
const LINES: u32 = 64;
const LINE: u32 = 16;

/// The counts of one block.
const BLOCK: u32 = LINES * LINE;

/// The numbers of calls in flight, which a policy shares with all its pickers.
///
/// All threads count here: the number of an endpoint is the same for all of them by its nature. The
/// counts are close together, because a pick reads two at random places, and those of 10,000 endpoints are
/// to fit into the processor's fastest caches. The first 64 of each block are on cache lines of their own,
/// so that with few endpoints threads wait for each other only where they use the same endpoint.
#[derive(Clone)]
pub(super) struct Counts {
    blocks: Box<[Arc<Block>]>,
}

type Block = [Count; BLOCK as usize];

/// The number of calls in flight at one endpoint.
#[derive(Debug)]
pub(super) struct Count(AtomicU32);

/// Where the count of an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

/// The places that are in use.
///
/// No count is ever set: each end of an attempt is subtracted where its pick was added. A place is used
/// again once its count is 0. A picker from before that may pick the endpoint that is gone: such an attempt
/// ends at once, because the subchannel has no connection.
#[derive(Debug)]
pub(super) struct Places {
    counts: Counts,
    /// The number of places that were ever in use.
    used: u32,
    /// Places that nothing uses, with a count of 0 when that was looked at last.
    free: Vec<Place>,
    /// Places of endpoints that are gone, with calls in flight when that was looked at last.
    busy: Vec<Place>,
}

impl Counts {
    /// Returns the count at a place.
    pub(super) fn at(&self, Place(place): Place) -> &Count {
        let block = &self.blocks[(place / BLOCK) as usize];
        &block[(place % BLOCK) as usize]
    }
}

impl Count {
    /// Returns the number of calls in flight.
    pub(super) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds a call.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Subtracts a call that was added.
    pub(super) fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Place {
    /// Returns the place with this number: a block's first places are on different cache lines.
    fn numbered(number: u32) -> Self {
        let (block, at) = (number / BLOCK, number % BLOCK);
        Self(block * BLOCK + at % LINES * LINE + at / LINES)
    }
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            counts: Counts {
                blocks: Box::default(),
            },
            used: 0,
            free: Vec::new(),
            busy: Vec::new(),
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Looks for places whose last calls have ended.
    pub(super) fn refresh(&mut self) {
        let counts = &self.counts;
        self.free.extend(
            self.busy
                .extract_if(.., |place| counts.at(*place).get() == 0),
        );
    }

    /// Returns a place with a count of 0.
    pub(super) fn take(&mut self) -> Place {
        if let Some(place) = self.free.pop() {
            return place;
        }
        let place = Place::numbered(self.used);
        if self.used.is_multiple_of(BLOCK) {
            let block = Arc::new([const { Count(AtomicU32::new(0)) }; BLOCK as usize]);
            let blocks = self.counts.blocks.iter().cloned().chain([block]);
            self.counts.blocks = blocks.collect();
        }
        self.used += 1;
        place
    }

    /// Takes back the place of an endpoint that is gone.
    pub(super) fn give_back(&mut self, place: Place) {
        self.busy.push(place);
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.blocks.len() * BLOCK as usize;
        write!(f, "Counts(room for {counts})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each place has a count of its own, and the first ones are on different cache lines.
    #[test]
    fn places_differ() {
        let mut places = Places::new();
        let taken: Vec<u32> = (0..3 * BLOCK).map(|_| places.take().0).collect();
        assert_eq!(
            taken.iter().collect::<BTreeSet<_>>().len(),
            3 * BLOCK as usize
        );
        let lines = taken[..64].iter().map(|place| place / LINE);
        assert_eq!(lines.collect::<BTreeSet<_>>().len(), 64);
        assert_eq!(places.counts.blocks.len(), 3);
    }

    /// A place that was given back is used again once its calls have ended, and not before.
    #[test]
    fn a_place_waits_for_its_calls() {
        let mut places = Places::new();
        let first = places.take();
        let counts = places.counts().clone();
        counts.at(first).add();
        places.give_back(first);
        places.refresh();
        let second = places.take();
        assert_ne!(second, first);
        counts.at(first).subtract();
        places.refresh();
        assert_eq!(places.take(), first);
        assert_eq!(places.counts().at(first).get(), 0);
    }
}
