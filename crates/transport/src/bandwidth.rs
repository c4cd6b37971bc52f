//! Flow-control windows that follow the bandwidth-delay product of the path.

use std::time::{Duration, Instant};

use crate::codes::FIRST_WINDOW;

/// The largest window, in bytes, as in grpc-go.
pub(crate) const LARGEST_WINDOW: u32 = 16 * 1024 * 1024;

/// The window grows when this share of it, or more, came within one round trip.
const FULL: f64 = 0.66;

/// How many times what came within one round trip the new window is.
const GROWTH: f64 = 2.0;

/// The number of round trips over which their mean is exact; then the newest one weighs a tenth.
const EXACT: f64 = 10.0;

/// Measures what comes within one round trip, and from that the window that keeps the path full.
///
/// The path is measured by PINGs that follow data, so that a server that counts PINGs (gRFC A8) counts
/// none of them: it has just sent data. The window only grows.
///
/// Source: grpc-go, `internal/transport/bdp_estimator.go`.
#[derive(Debug)]
pub(crate) struct BandwidthEstimator {
    window: u32,
    /// When the PING was sent whose answer ends this measurement; `None` between two of them.
    pinged: Option<Instant>,
    /// The bytes that came in this measurement.
    sample: u64,
    /// The mean of the round trips.
    round_trip: Duration,
    /// The number of measurements, up to [`EXACT`].
    samples: f64,
    /// The highest bandwidth so far, in bytes per second.
    highest: f64,
}

impl BandwidthEstimator {
    /// Returns an estimator for a connection whose windows are [`FIRST_WINDOW`].
    pub(crate) fn new() -> Self {
        Self {
            window: FIRST_WINDOW,
            pinged: None,
            sample: 0,
            round_trip: Duration::ZERO,
            samples: 0.0,
            highest: 0.0,
        }
    }

    /// Handles data that came. Returns true when a PING is to be sent; report it with
    /// [`handle_ping`](Self::handle_ping).
    pub(crate) fn handle_data(&mut self, bytes: u64) -> bool {
        self.sample += bytes;
        self.pinged.is_none() && bytes > 0 && self.window < LARGEST_WINDOW
    }

    /// Handles a PING that was sent after the data that was reported last.
    pub(crate) fn handle_ping(&mut self, now: Instant) {
        self.pinged = Some(now);
    }

    /// Handles the answer to a PING. Returns the new window, if it grows.
    pub(crate) fn handle_answer(&mut self, now: Instant) -> Option<u32> {
        let took = now.saturating_duration_since(self.pinged.take()?);
        let sample = std::mem::take(&mut self.sample) as f64;
        self.samples = (self.samples + 1.0).min(EXACT);
        let (mean, took) = (self.round_trip.as_secs_f64(), took.as_secs_f64());
        let mean = mean + (took - mean) / self.samples;
        self.round_trip = Duration::from_secs_f64(mean.max(0.0));
        // The PING waits for its turn behind data, so the time to send it counts too.
        let bandwidth = sample / (mean * 1.5).max(f64::MIN_POSITIVE);
        if bandwidth < self.highest {
            return None;
        }
        self.highest = bandwidth;
        let new = (sample * GROWTH).min(f64::from(LARGEST_WINDOW)) as u32;
        let is_full = sample >= f64::from(self.window) * FULL;
        (is_full && new > self.window).then(|| {
            self.window = new;
            new
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
        Instant::now()
    }

    /// A window that is full within one round trip grows to twice what came, up to the limit; then no
    /// more PINGs are sent.
    #[test]
    fn a_full_window_grows() {
        let mut now = start();
        let mut estimator = BandwidthEstimator::new();
        let mut windows = Vec::new();
        let mut window = FIRST_WINDOW;
        while estimator.handle_data(u64::from(window)) {
            estimator.handle_ping(now);
            now += 50 * MS;
            if let Some(new) = estimator.handle_answer(now) {
                window = new;
                windows.push(new);
            }
            assert!(windows.len() < 20, "{windows:?}");
        }
        assert_eq!(windows[0], 2 * FIRST_WINDOW);
        assert_eq!(windows.last(), Some(&LARGEST_WINDOW));
        assert_eq!(windows.len(), 9);
    }

    /// A window of which little is used does not grow, nor does one at a lower bandwidth than before.
    #[test]
    fn a_window_that_suffices_stays() {
        let mut now = start();
        let mut estimator = BandwidthEstimator::new();
        for _ in 0..20 {
            assert!(estimator.handle_data(1000));
            estimator.handle_ping(now);
            now += 50 * MS;
            assert_eq!(estimator.handle_answer(now), None);
        }
        // As much as the window, but in ten times the round trip.
        estimator.handle_data(u64::from(FIRST_WINDOW));
        estimator.handle_ping(now);
        now += MS;
        let grown = estimator.handle_answer(now);
        assert!(grown.is_some());
        estimator.handle_data(u64::from(FIRST_WINDOW));
        estimator.handle_ping(now);
        now += 500 * MS;
        assert_eq!(estimator.handle_answer(now), None);
    }

    /// All data until the answer belongs to one measurement, with one PING.
    #[test]
    fn one_ping_a_measurement() {
        let now = start();
        let mut estimator = BandwidthEstimator::new();
        assert!(estimator.handle_data(40_000));
        estimator.handle_ping(now);
        assert!(!estimator.handle_data(40_000));
        assert_eq!(estimator.handle_answer(now + 10 * MS), Some(160_000));
        assert_eq!(
            estimator.handle_answer(now + 10 * MS),
            None,
            "no PING is on its way"
        );
    }
}
