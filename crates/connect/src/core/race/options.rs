//! How a race is run.

use std::time::Duration;

use crate::{AttemptDelay, Family};

/// How a race is run; the defaults are those of RFC 8305.
///
/// ```
/// use trunkline_connect::{Family, RaceOptions};
///
/// let mut options = RaceOptions::default();
/// options.prefer = Some(Family::V4);
/// options.interleave = false;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RaceOptions {
    /// From the start of an attempt to the start of the next one beside it; 250 ms.
    pub attempt_delay: AttemptDelay,
    /// Takes the delay from the round-trip time to the address instead, where the probe knows one
    /// ([`RoundTrip::attempt_delay`](crate::RoundTrip::attempt_delay)); off.
    pub dynamic_delay: bool,
    /// How long the addresses of one family wait for the answer about the preferred one; 50 ms,
    /// "Resolution Delay" of RFC 8305 section 3.
    pub resolution_delay: Duration,
    /// The family whose answer is waited for, and whose addresses go first even where RFC 6724
    /// says otherwise. `None`: the answer about IPv6, and the order of the list.
    pub prefer: Option<Family>,
    /// Takes the families in turn, as [`interleave`](trunkline_endpoint::interleave()) does; on.
    pub interleave: bool,
    /// The length of the first turn; 1, "First Address Family Count" of RFC 8305 section 8.
    pub first_family_count: usize,
    /// Which failures start the next attempt ahead of its time.
    pub on_failure: OnFailure,
    /// The least time between two starts, whatever fails; 0, as everyone has it. See
    /// [`strict`](Self::strict). An attempt that failed at the instant of its start does not
    /// count, for it has sent nothing. Counts as at most the attempt delay.
    pub min_gap: Duration,
    /// How many attempts run side by side; 6 (0 counts as 1). One more cancels the oldest: to wait
    /// instead would leave the rest of the list behind a row of black holes.
    pub max_in_flight: usize,
    /// Gives a single attempt up after this time; `None`, for a slow address is still better than
    /// no address. Counts as at least twice the attempt delay: a limit near the delay would turn
    /// a slow network into an outage.
    pub attempt_timeout: Option<Duration>,
    /// Ends the whole race after this time, the lookup included; 20 s, as gRPC's least time to
    /// connect. `None`: as long as the system takes, which may be minutes.
    pub timeout: Option<Duration>,
}

/// Which failures start the next attempt ahead of its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Any attempt that fails makes room for the next at once. Saves up to one attempt delay.
    #[default]
    Any,
    /// Only the attempt that was started last, as gRFC A61 has it.
    Newest,
}

impl RaceOptions {
    /// Takes RFC 8305 section 5 at its word: no two attempts within 10 ms, not even after a
    /// failure.
    pub fn strict() -> Self {
        Self {
            min_gap: AttemptDelay::ABSOLUTE_MIN.get(),
            ..Self::default()
        }
    }
}

impl Default for RaceOptions {
    fn default() -> Self {
        Self {
            attempt_delay: AttemptDelay::DEFAULT,
            dynamic_delay: false,
            resolution_delay: Duration::from_millis(50),
            prefer: None,
            interleave: true,
            first_family_count: 1,
            on_failure: OnFailure::Any,
            min_gap: Duration::ZERO,
            max_in_flight: 6,
            attempt_timeout: None,
            timeout: Some(Duration::from_secs(20)),
        }
    }
}
