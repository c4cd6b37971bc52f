//! The standard connection back-off.

use std::time::{Duration, Instant};

use crate::Rng;

/// How long to wait between attempts.
///
/// Source: [connection back-off](https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BackoffPolicy {
    /// The first delay; 1 s by default.
    pub initial: Duration,
    /// The factor between a delay and the next; 1.6 by default. Below 1 counts as 1.
    pub multiplier: f64,
    /// How far a delay may be off, as a share of itself, up or down; 0.2 by default.
    pub jitter: f64,
    /// The longest delay, before jitter; 120 s by default.
    pub max: Duration,
    /// The least time that an attempt gets (`MIN_CONNECT_TIMEOUT`); 20 s by default.
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

/// An instant beyond which nobody waits, so that no policy makes the clock overflow.
fn later(now: Instant, delay: Duration) -> Instant {
    const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
    now + delay.min(LONGEST)
}

/// The delays between attempts at one thing.
///
/// A delay counts from the *start* of the attempt that fails: when the attempt itself used it up,
/// the next may start at once. Unlike the text of the standard the first delay has jitter too, so
/// that a thousand clients that lose one server at the same instant do not come back in step.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: BackoffPolicy,
    rng: Rng,
    /// Attempts that failed since the last reset.
    failures: u32,
}

impl Backoff {
    /// A back-off that starts at its first delay.
    #[must_use]
    pub fn new(policy: BackoffPolicy, seed: u64) -> Self {
        Self {
            policy,
            rng: Rng::from_seed(seed),
            failures: 0,
        }
    }

    /// When an attempt that starts `now` may be followed by the next, if it fails. Each call is one
    /// attempt: the delay grows.
    pub fn next_attempt(&mut self, now: Instant) -> Instant {
        later(now, self.next_delay())
    }

    /// When an attempt that starts `now`, and whose successor may start at `next_attempt`, has
    /// taken too long: a slow server gets at least [`BackoffPolicy::min_attempt`].
    #[must_use]
    pub fn attempt_deadline(&self, next_attempt: Instant, now: Instant) -> Instant {
        next_attempt.max(later(now, self.policy.min_attempt))
    }

    /// The next delay, with jitter. Each call grows it.
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

    /// Back to the first delay: the thing works again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Attempts that failed since the last reset.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}
