//! The configured retries of one call: attempts one after the other.

use std::time::Duration;

use trunkline_backoff::Rng;
use trunkline_service_config::RetryPolicy;
use trunkline_status::Code;

use crate::core::codes::CodeSet;
use crate::core::pushback::Pushback;

/// The delays vary by this factor in both directions.
///
/// Source: [gRFC A6, exponential backoff](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#exponential-backoff).
const JITTER: f64 = 0.2;

/// Decides when a call is retried by its retry policy.
///
/// Source: [gRFC A6, retry policy](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#retry-policy).
#[derive(Debug)]
pub(crate) struct Retries {
    max_attempts: u32,
    initial_backoff: f64,
    max_backoff: f64,
    multiplier: f64,
    codes: CodeSet,
    /// The number of attempts that were decided on, the first included. Transparent retries do not
    /// count.
    attempts: u32,
    /// The delay before the next retry, without jitter, in seconds.
    next_backoff: f64,
    /// `None` until the first delay.
    rng: Option<Rng>,
}

impl Retries {
    /// Creates the state of a call that follows `policy`, but makes at most `limit` attempts.
    pub(crate) fn new(policy: &RetryPolicy, limit: u32) -> Self {
        let initial_backoff = policy.initial_backoff.as_secs_f64();
        let max_backoff = policy.max_backoff.as_secs_f64();
        Self {
            max_attempts: policy.max_attempts.min(limit),
            initial_backoff,
            max_backoff,
            multiplier: policy.backoff_multiplier,
            codes: CodeSet::new(&policy.retryable_codes),
            attempts: 1,
            next_backoff: initial_backoff.min(max_backoff),
            rng: None,
        }
    }

    /// Returns the codes that are retried.
    pub(crate) fn codes(&self) -> CodeSet {
        self.codes
    }

    /// Returns the number of attempts before the current one.
    pub(crate) fn previous_attempts(&self) -> u32 {
        self.attempts - 1
    }

    /// Handles an attempt that failed with `code`. Returns the delay before the next attempt; `None`
    /// when there is none. `is_allowed` is false while the channel's throttle stops retries. `seed` is
    /// called before the first delay: few calls have one.
    pub(crate) fn handle_failure(
        &mut self,
        code: Code,
        pushback: Pushback,
        is_allowed: bool,
        seed: impl FnOnce() -> u64,
    ) -> Option<Duration> {
        if pushback == Pushback::Never
            || !self.codes.contains(code)
            || !is_allowed
            || self.attempts >= self.max_attempts
        {
            return None;
        }
        self.attempts += 1;
        if let Pushback::After(delay) = pushback {
            self.next_backoff = self.initial_backoff.min(self.max_backoff);
            return Some(delay);
        }
        let rng = self.rng.get_or_insert_with(|| Rng::from_seed(seed()));
        let jitter = 1.0 - JITTER + rng.fraction() * 2.0 * JITTER;
        let delay = self.next_backoff * jitter;
        self.next_backoff = (self.next_backoff * self.multiplier).min(self.max_backoff);
        // A delay that no duration can represent is longer than any deadline.
        Some(Duration::try_from_secs_f64(delay).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use trunkline_lb::PolicyRegistry;
    use trunkline_service_config::{AttemptPolicy, ServiceConfig};

    use super::*;

    fn policy(max_attempts: u32) -> RetryPolicy {
        let json = format!(
            r#"{{"methodConfig": [{{"name": [{{}}], "retryPolicy": {{
                "maxAttempts": {max_attempts}, "initialBackoff": "1s", "maxBackoff": "5s",
                "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE", "ABORTED"]}}}}]}}"#
        );
        let config =
            ServiceConfig::parse(&json, &PolicyRegistry::standard()).expect("a valid config");
        let method = config.method("/s/m").expect("a method config");
        match &method.attempts {
            Some(AttemptPolicy::Retry(policy)) => policy.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn fail(retries: &mut Retries) -> Option<f64> {
        fail_with_seed(retries, 1)
    }

    fn fail_with_seed(retries: &mut Retries, seed: u64) -> Option<f64> {
        let delay = retries.handle_failure(Code::Unavailable, Pushback::Absent, true, || seed);
        delay.map(|delay| delay.as_secs_f64())
    }

    /// The delay before retry `n` is `min(initialBackoff * backoffMultiplier^(n-1), maxBackoff)`,
    /// times a random number from 0.8 to 1.2. (gRFC A6, exponential backoff)
    #[test]
    fn delays_grow_up_to_the_maximum() {
        let mut smallest = f64::MAX;
        let mut largest = f64::MIN;
        for seed in 0..200 {
            let mut retries = Retries::new(&policy(6), 6);
            for base in [1.0, 2.0, 4.0, 5.0, 5.0] {
                let ratio = fail_with_seed(&mut retries, seed).expect("a retry") / base;
                assert!((0.8..=1.2).contains(&ratio), "{ratio}");
                (smallest, largest) = (smallest.min(ratio), largest.max(ratio));
            }
        }
        assert!(smallest < 0.81 && largest > 1.19, "{smallest} to {largest}");
    }

    /// `maxAttempts` includes the first attempt, and the channel's own limit caps it. (gRFC A6,
    /// maximum number of retries)
    #[test]
    fn attempts_are_limited() {
        for (max_attempts, limit, expected) in [(2, 5, 1), (5, 5, 4), (9, 5, 4), (9, 7, 6)] {
            let mut retries = Retries::new(&policy(max_attempts), limit);
            let made = (0..20).filter(|_| fail(&mut retries).is_some()).count();
            assert_eq!(made, expected, "maxAttempts {max_attempts}, limit {limit}");
            assert_eq!(
                retries.previous_attempts(),
                u32::try_from(made).expect("a small number")
            );
        }
    }

    /// Only the codes of `retryableStatusCodes` are retried. (gRFC A6, retryable status codes)
    #[test]
    fn other_codes_are_not_retried() {
        let mut retries = Retries::new(&policy(5), 5);
        for code in [Code::Internal, Code::Ok, Code::DeadlineExceeded] {
            assert_eq!(
                retries.handle_failure(code, Pushback::Absent, true, || 1),
                None
            );
        }
        let aborted = retries.handle_failure(Code::Aborted, Pushback::Absent, true, || 1);
        assert!(aborted.is_some());
    }

    /// A pushback sets the delay exactly; the delays after it start with `initialBackoff` again. A
    /// negative one stops retries. (gRFC A6, pushback)
    #[test]
    fn pushback_replaces_the_delay() {
        let mut retries = Retries::new(&policy(5), 5);
        fail(&mut retries).expect("a retry");
        let delay = Duration::from_millis(7);
        let after = retries.handle_failure(Code::Unavailable, Pushback::After(delay), true, || 1);
        assert_eq!(after, Some(delay));
        assert!(fail(&mut retries).is_some_and(|delay| (0.8..=1.2).contains(&delay)));
        let never = retries.handle_failure(Code::Unavailable, Pushback::Never, true, || 1);
        assert_eq!(never, None);
    }

    /// While the throttle allows none, a call is not retried, and has lost no attempt. (gRFC A6,
    /// throttling)
    #[test]
    fn the_throttle_stops_retries() {
        let mut retries = Retries::new(&policy(2), 5);
        let throttled = retries.handle_failure(Code::Unavailable, Pushback::Absent, false, || 1);
        assert_eq!(throttled, None);
        assert_eq!(retries.previous_attempts(), 0);
    }
}
