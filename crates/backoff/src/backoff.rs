//! The standard connection back-off.

use std::time::{Duration, Instant};

use crate::Rng;

/// Parameters of a [`Backoff`].
///
/// Source: [connection back-off](https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BackoffPolicy {
    /// Delay after the first failure; 1 s by default.
    pub initial: Duration,
    /// Factor from one delay to the next; 1.6 by default. A value below 1 counts as 1.
    pub multiplier: f64,
    /// Largest random change of a delay, up or down, as a fraction of the delay; 0.2 by default.
    pub jitter: f64,
    /// Longest delay, before jitter; 120 s by default.
    pub max: Duration,
    /// Shortest time that an attempt may take before it is given up (`MIN_CONNECT_TIMEOUT`); 20 s
    /// by default.
    pub min_attempt: Duration,
}

impl Default for BackoffPolicy {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            multiplier: 1.6,
            jitter: 0.2,
            max: Duration::from_secs(120),
            min_attempt: Duration::from_secs(20),
        }
    }
}

impl BackoffPolicy {
    /// Sets the delay after the first failure. Default: 1 s.
    #[must_use]
    pub fn with_initial(mut self, initial: Duration) -> Self {
        self.initial = initial;
        self
    }

    /// Sets the factor from one delay to the next. A value below 1 counts as 1. Default: 1.6.
    #[must_use]
    pub fn with_multiplier(mut self, multiplier: f64) -> Self {
        self.multiplier = multiplier;
        self
    }

    /// Sets the largest random change of a delay, up or down, as a fraction of the delay (0 to 1).
    /// Default: 0.2.
    #[must_use]
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets the longest delay, before jitter. Default: 120 s.
    #[must_use]
    pub fn with_max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Sets the shortest time that an attempt may take before it is given up. Default: 20 s.
    #[must_use]
    pub fn with_min_attempt(mut self, min_attempt: Duration) -> Self {
        self.min_attempt = min_attempt;
        self
    }
}

/// Returns `now + delay`, with `delay` limited to a year so that no policy overflows an `Instant`.
fn later(now: Instant, delay: Duration) -> Instant {
    const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
    now + delay.min(LONGEST)
}

/// Exponential back-off between attempts at one operation.
///
/// A delay counts from the *start* of the failed attempt: if the attempt took longer than the
/// delay, the next one may start at once. Unlike in the standard, the first delay has jitter too,
/// so that a thousand clients that lose one server at the same instant do not reconnect in step.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: BackoffPolicy,
    rng: Rng,
    /// The number of delays returned since the last reset, one for each attempt. It counts failures
    /// in advance: the delay of an attempt is computed when the attempt starts.
    failures: u32,
}

impl Backoff {
    /// Creates a back-off that begins with the first delay.
    #[must_use]
    pub fn new(policy: BackoffPolicy, seed: u64) -> Self {
        Self {
            policy,
            rng: Rng::from_seed(seed),
            failures: 0,
        }
    }

    /// Returns when the next attempt may start if the one that starts `now` fails. Call it once for
    /// each attempt: each call increases the delay.
    pub fn next_attempt(&mut self, now: Instant) -> Instant {
        later(now, self.next_delay())
    }

    /// Returns when the attempt that starts `now` has taken too long: at `next_attempt`, but not
    /// before [`BackoffPolicy::min_attempt`] has passed, so that a slow server can answer.
    #[must_use]
    pub fn attempt_deadline(&self, next_attempt: Instant, now: Instant) -> Instant {
        next_attempt.max(later(now, self.policy.min_attempt))
    }

    /// Returns the next delay, with jitter. Each call increases the delay.
    pub fn next_delay(&mut self) -> Duration {
        let grown = self
            .policy
            .multiplier
            .max(1.0)
            .powi(self.failures.min(1000) as i32)
            * self.policy.initial.as_secs_f64();
        let capped = grown.min(self.policy.max.as_secs_f64());
        let jitter = self.policy.jitter.clamp(0.0, 1.0) * (2.0 * self.rng.fraction() - 1.0);
        self.failures = self.failures.saturating_add(1);
        Duration::try_from_secs_f64(capped * (1.0 + jitter)).unwrap_or(self.policy.max)
    }

    /// Returns to the first delay. Call it after an attempt has succeeded.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns how many delays were returned since the last reset. Once the newest attempt has
    /// failed, this is the number of failures in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}
