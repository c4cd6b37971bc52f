//! Round-trip times of earlier connections.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::AttemptDelay;

/// The round-trip time to an address, estimated from samples.
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
    /// Returns the estimate after the first sample.
    pub fn new(sample: Duration) -> Self {
        Self {
            smoothed: sample,
            variation: sample / 2,
        }
    }

    /// Adds a sample to the estimate (alpha 1/8, beta 1/4).
    pub fn update(&mut self, sample: Duration) {
        let off = self.smoothed.abs_diff(sample);
        self.variation = (self.variation.saturating_mul(3).saturating_add(off)) / 4;
        self.smoothed = (self.smoothed.saturating_mul(7).saturating_add(sample)) / 8;
    }

    /// Returns the time after which the first retransmission of a handshake would be due
    /// (SRTT + 4 RTTVAR), clamped to the range of an [`AttemptDelay`].
    ///
    /// An attempt that has had no answer by then is probably lost or slow, so the next one starts
    /// beside it.
    ///
    /// Source: [RFC 8305 section 5](https://www.rfc-editor.org/rfc/rfc8305#section-5).
    pub fn attempt_delay(&self) -> AttemptDelay {
        let retransmit = self.variation.saturating_mul(4);
        AttemptDelay::new(self.smoothed.saturating_add(retransmit))
    }
}

/// The round-trip times that earlier connections took to establish, by IP address.
///
/// The times are valid on one network, for one user: [`clear`](Self::clear) the history when the
/// network changes, and keep one history for each privacy domain. A time that is older than
/// `max_age` is no longer used, so that an address which was slow once is tried again.
#[derive(Clone, Debug)]
pub struct RttHistory {
    /// The estimate for each address, and when its last sample was taken.
    known: BTreeMap<IpAddr, (RoundTrip, Instant)>,
    capacity: usize,
    max_age: Duration,
}

impl RttHistory {
    /// Returns an empty history for at most `capacity` addresses (0 counts as 1), whose times are
    /// used for `max_age` after the last sample.
    pub fn new(capacity: usize, max_age: Duration) -> Self {
        Self {
            known: BTreeMap::new(),
            capacity: capacity.max(1),
            max_age,
        }
    }

    /// Adds a sample. When the history is full, a new address replaces the one whose last sample is
    /// oldest.
    pub fn record(&mut self, destination: IpAddr, sample: Duration, now: Instant) {
        let destination = destination.to_canonical();
        if let Some((known, last)) = self.known.get_mut(&destination) {
            if now.saturating_duration_since(*last) < self.max_age {
                known.update(sample);
            } else {
                *known = RoundTrip::new(sample);
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

    /// Returns the estimate for an address, unless its last sample is `max_age` old or older.
    pub fn round_trip(&self, destination: IpAddr, now: Instant) -> Option<RoundTrip> {
        let (known, last) = self.known.get(&destination.to_canonical())?;
        (now.saturating_duration_since(*last) < self.max_age).then_some(*known)
    }

    /// Removes all times. Call this when the network changes.
    pub fn clear(&mut self) {
        self.known.clear();
    }
}

/// Room for 1,024 addresses, each for ten minutes.
impl Default for RttHistory {
    fn default() -> Self {
        Self::new(1024, Duration::from_secs(600))
    }
}
