//! Round-trip times of the past.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::AttemptDelay;

/// What is known about the round-trip time to an address.
///
/// Source: [RFC 6298 section 2](https://www.rfc-editor.org/rfc/rfc6298#section-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// SRTT, the smoothed round-trip time.
    pub smoothed: Duration,
    /// RTTVAR, the round-trip time variation.
    pub variation: Duration,
}

impl RoundTrip {
    /// Begins with one sample.
    pub fn new(sample: Duration) -> Self {
        Self {
            smoothed: sample,
            variation: sample / 2,
        }
    }

    /// Takes another sample into account (alpha 1/8, beta 1/4).
    pub fn update(&mut self, sample: Duration) {
        let off = self.smoothed.abs_diff(sample);
        self.variation = (self.variation.saturating_mul(3).saturating_add(off)) / 4;
        self.smoothed = (self.smoothed.saturating_mul(7).saturating_add(sample)) / 8;
    }

    /// When the first retransmission of a handshake would be due (SRTT + 4 RTTVAR), clamped as
    /// every delay: an attempt that has not answered by then is worth a second one beside it.
    ///
    /// Source: [RFC 8305 section 5](https://www.rfc-editor.org/rfc/rfc8305#section-5).
    pub fn attempt_delay(&self) -> AttemptDelay {
        let retransmit = self.variation.saturating_mul(4);
        AttemptDelay::new(self.smoothed.saturating_add(retransmit))
    }
}

/// The round-trip times that connecting has shown, by IP address.
///
/// It holds what was learned on one network, for one user: [`clear`](Self::clear) it when the
/// network changes, and keep one for each privacy domain. What is older than `max_age` is forgotten,
/// so that an address which was slow once is tried again.
#[derive(Clone, Debug)]
pub struct RttHistory {
    /// Each with the time of its last sample.
    known: BTreeMap<IpAddr, (RoundTrip, Instant)>,
    capacity: usize,
    max_age: Duration,
}

impl RttHistory {
    /// A history of at most `capacity` addresses, that forgets after `max_age`.
    pub fn new(capacity: usize, max_age: Duration) -> Self {
        Self {
            known: BTreeMap::new(),
            capacity: capacity.max(1),
            max_age,
        }
    }

    /// Takes a sample; when the history is full, the one that was used least recently goes.
    pub fn record(&mut self, destination: IpAddr, sample: Duration, now: Instant) {
        let destination = destination.to_canonical();
        if let Some((known, last)) = self.known.get_mut(&destination) {
            match now.saturating_duration_since(*last) < self.max_age {
                true => known.update(sample),
                false => *known = RoundTrip::new(sample),
            }
            *last = now;
            return;
        }
        if self.known.len() >= self.capacity {
            let oldest = self.known.iter().min_by_key(|(_, (_, last))| *last);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.known.remove(&oldest);
            }
        }
        self.known
            .insert(destination, (RoundTrip::new(sample), now));
    }

    /// What is known about this address, unless it is too old.
    pub fn round_trip(&self, destination: IpAddr, now: Instant) -> Option<RoundTrip> {
        let (known, last) = self.known.get(&destination.to_canonical())?;
        (now.saturating_duration_since(*last) < self.max_age).then_some(*known)
    }

    /// Forgets everything, as must be done when the network changes.
    pub fn clear(&mut self) {
        self.known.clear();
    }
}

/// 1,024 addresses for ten minutes.
impl Default for RttHistory {
    fn default() -> Self {
        Self::new(1024, Duration::from_secs(600))
    }
}
