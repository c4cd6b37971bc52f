//! How a race is run.

use std::time::Duration;

use crate::{AttemptDelay, Family};

/// How a race is run; the defaults are those of RFC 8305.
///
/// ```
/// use trunkline_connect::{Family, RaceOptions};
///
/// let options = RaceOptions::default().with_prefer(Family::V4).with_interleave(false);
/// assert_eq!(options.max_in_flight, 6);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RaceOptions {
    /// The time from the start of an attempt to the start of the next one beside it; default 250
    /// ms.
    pub attempt_delay: AttemptDelay,
    /// Computes the attempt delay from the round-trip time to the attempt's address, where the
    /// probe knows one ([`RoundTrip::attempt_delay`](crate::RoundTrip::attempt_delay)); default
    /// off.
    pub dynamic_delay: bool,
    /// How long the addresses of one family wait for the answer about the preferred family; default
    /// 50 ms, "Resolution Delay" of RFC 8305 section 3.
    pub resolution_delay: Duration,
    /// The preferred family. The race waits for the answer about it, and starts its usable
    /// addresses first, even where rules 2 to 9 of RFC 6724 order them otherwise. With `None`, the
    /// default, the race waits for the answer about IPv6, and keeps the sorted order.
    pub prefer: Option<Family>,
    /// Alternates the families, as [`interleave`](trunkline_endpoint::interleave()) does; default
    /// on.
    pub interleave: bool,
    /// How many addresses of the first family go before the first of another one; default 1, "First
    /// Address Family Count" of RFC 8305 section 8.
    pub first_family_count: usize,
    /// Which failures start the next attempt before the delay is over; default any.
    pub on_failure: OnFailure,
    /// The least time between two starts, whatever fails; default 0, as in other implementations.
    /// [`strict`](Self::strict) sets it to 10 ms. An attempt that has sent nothing does not count,
    /// for example one that failed at the instant of its start because there is no route. An
    /// attempt that was refused does count, however fast. A value above the attempt delay counts as
    /// that delay.
    pub min_gap: Duration,
    /// How many attempts run side by side; default 6, and 0 counts as 1. The start of one more
    /// cancels the oldest. If the race waited instead, a few addresses that never answer would hold
    /// up the rest of the list.
    pub max_in_flight: usize,
    /// The time after which a single attempt is given up; default `None`, because a slow address is
    /// better than no address. A value below twice the attempt delay counts as that: a limit near
    /// the delay would turn a slow network into an outage.
    pub attempt_timeout: Option<Duration>,
    /// The time after which the whole race ends, the lookup included; default 20 s, gRPC's minimum
    /// time to connect. With `None` the race takes as long as the system does, which may be
    /// minutes.
    pub timeout: Option<Duration>,
}

/// Which failures start the next attempt before the delay is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Any failure starts the next attempt at once. This saves up to one attempt delay.
    #[default]
    Any,
    /// Only the failure of the attempt that was started last, which is the rule of gRFC A61.
    Newest,
}

impl RaceOptions {
    /// Returns options that follow RFC 8305 section 5 strictly: no two attempts start within 10 ms,
    /// not even after a failure. Attempts that have sent nothing do not count, see
    /// [`min_gap`](Self::min_gap).
    #[must_use]
    pub fn strict() -> Self {
        Self {
            min_gap: AttemptDelay::ABSOLUTE_MIN.get(),
            ..Self::default()
        }
    }

    /// Sets the time from the start of an attempt to the start of the next one beside it. Default:
    /// 250 ms.
    #[must_use]
    pub fn with_attempt_delay(mut self, delay: AttemptDelay) -> Self {
        self.attempt_delay = delay;
        self
    }

    /// Sets whether the attempt delay is computed from the round-trip time to the address, where
    /// one is known. Default: false.
    #[must_use]
    pub fn with_dynamic_delay(mut self, on: bool) -> Self {
        self.dynamic_delay = on;
        self
    }

    /// Sets how long the addresses of one family wait for the answer about the preferred family.
    /// Default: 50 ms.
    #[must_use]
    pub fn with_resolution_delay(mut self, delay: Duration) -> Self {
        self.resolution_delay = delay;
        self
    }

    /// Sets the preferred family. Default: none; the sorted order is kept.
    #[must_use]
    pub fn with_prefer(mut self, family: Family) -> Self {
        self.prefer = Some(family);
        self
    }

    /// Sets whether the families alternate. Default: true.
    #[must_use]
    pub fn with_interleave(mut self, on: bool) -> Self {
        self.interleave = on;
        self
    }

    /// Sets how many addresses of the first family go before the first of another one. Default: 1.
    #[must_use]
    pub fn with_first_family_count(mut self, count: usize) -> Self {
        self.first_family_count = count;
        self
    }

    /// Sets which failures start the next attempt before the delay is over. Default: any.
    #[must_use]
    pub fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sets the least time between two starts, whatever fails. Default: 0.
    #[must_use]
    pub fn with_min_gap(mut self, gap: Duration) -> Self {
        self.min_gap = gap;
        self
    }

    /// Sets how many attempts run side by side; 0 counts as 1. Default: 6.
    #[must_use]
    pub fn with_max_in_flight(mut self, attempts: usize) -> Self {
        self.max_in_flight = attempts;
        self
    }

    /// Sets the time after which a single attempt is given up. Default: none.
    #[must_use]
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// Sets the time after which the whole race ends, the lookup included; `None` leaves the limit
    /// to the system. Default: 20 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
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
