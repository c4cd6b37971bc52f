//! The hedging of one call: attempts side by side.

use std::time::{Duration, Instant};

use trunkline_service_config::HedgingPolicy;
use trunkline_status::Code;

use crate::core::codes::CodeSet;
use crate::core::pushback::Pushback;

/// Decides when a call is sent once more while its earlier attempts have no response yet.
///
/// After [`poll_timeout`](Self::poll_timeout) the caller starts an attempt, and calls
/// [`handle_started`](Self::handle_started).
///
/// Source: [gRFC A6, hedging policy](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#hedging-policy).
#[derive(Debug)]
pub(crate) struct Hedging {
    max_attempts: u32,
    delay: Duration,
    codes: CodeSet,
    /// The number of attempts that were started.
    attempts: u32,
    /// When the next attempt is due; `None` when none follows.
    next: Option<Instant>,
    /// The number of attempts that are to be made again because no server acted on them.
    lost: u32,
    /// When the last of these was lost.
    lost_at: Instant,
}

impl Hedging {
    /// Creates the state of a call that follows `policy`, but makes at most `limit` attempts. The
    /// first one is due now.
    pub(crate) fn new(policy: &HedgingPolicy, limit: u32, now: Instant) -> Self {
        Self {
            max_attempts: policy.max_attempts.min(limit),
            delay: policy.delay,
            codes: CodeSet::new(&policy.non_fatal_codes),
            attempts: 0,
            next: Some(now),
            lost: 0,
            lost_at: now,
        }
    }

    /// Returns the codes that do not end the call.
    pub(crate) fn codes(&self) -> CodeSet {
        self.codes
    }

    /// Returns the number of attempts before the next one. Those that are made again do not count.
    pub(crate) fn previous_attempts(&self) -> u32 {
        self.attempts - self.lost
    }

    /// Returns true when the next attempt is one that is made again: neither the policy nor the
    /// throttle limits it.
    pub(crate) fn is_transparent(&self) -> bool {
        self.lost > 0
    }

    /// Returns when the next attempt is due; `None` when none follows.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.is_transparent() {
            Some(self.lost_at)
        } else {
            self.next
        }
    }

    /// Handles the start of an attempt.
    pub(crate) fn handle_started(&mut self, now: Instant) {
        if self.is_transparent() {
            self.lost -= 1;
            return;
        }
        self.attempts += 1;
        self.next = (self.attempts < self.max_attempts)
            .then(|| now.checked_add(self.delay))
            .flatten();
    }

    /// Handles an attempt that no server acted on: it is made again at once, and does not count. When
    /// the next one of the policy is due does not change.
    pub(crate) fn handle_transparent_retry(&mut self, now: Instant) {
        self.lost += 1;
        self.lost_at = now;
    }

    /// Starts no further attempts of the policy.
    pub(crate) fn stop(&mut self) {
        self.next = None;
    }

    /// Starts no further attempts at all: the call is committed.
    pub(crate) fn commit(&mut self) {
        self.next = None;
        self.lost = 0;
    }

    /// Handles an attempt that failed with `code`. Returns false when that ends the call, whatever
    /// the other attempts do. `is_allowed` is false while the channel's throttle stops hedging.
    pub(crate) fn handle_failure(
        &mut self,
        code: Code,
        pushback: Pushback,
        is_allowed: bool,
        now: Instant,
    ) -> bool {
        if !self.codes.contains(code) {
            return false;
        }
        if !is_allowed || pushback == Pushback::Never {
            self.next = None;
        } else if self.next.is_some() {
            self.next = match pushback {
                Pushback::After(delay) => now.checked_add(delay),
                _ => Some(now),
            };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use trunkline_lb::PolicyRegistry;
    use trunkline_service_config::{AttemptPolicy, ServiceConfig};

    use super::*;

    const DELAY: Duration = Duration::from_millis(500);

    fn start() -> Instant {
        trunkline_sim::Sim::new(1).runtime().now()
    }

    fn hedging(max_attempts: u32, limit: u32, now: Instant) -> Hedging {
        let json = format!(
            r#"{{"methodConfig": [{{"name": [{{}}], "hedgingPolicy": {{
                "maxAttempts": {max_attempts}, "hedgingDelay": "0.5s",
                "nonFatalStatusCodes": ["UNAVAILABLE"]}}}}]}}"#
        );
        let config =
            ServiceConfig::parse(&json, &PolicyRegistry::standard()).expect("a valid config");
        let method = config.method("/s/m").expect("a method config");
        match &method.attempts {
            Some(AttemptPolicy::Hedging(policy)) => Hedging::new(policy, limit, now),
            other => panic!("{other:?}"),
        }
    }

    /// The first attempt is due at once, each further one `hedgingDelay` after the one before, up to
    /// `maxAttempts` and the channel's limit. (gRFC A6, hedging policy)
    #[test]
    fn attempts_follow_by_the_delay() {
        let start = start();
        for (max_attempts, limit, expected) in [(3, 5, 3), (9, 5, 5)] {
            let mut hedging = hedging(max_attempts, limit, start);
            let mut now = start;
            for number in 0..expected {
                assert_eq!(hedging.poll_timeout(), Some(start + DELAY * number));
                now = start + DELAY * number;
                hedging.handle_started(now);
            }
            assert_eq!(hedging.poll_timeout(), None);
            assert_eq!(hedging.previous_attempts(), expected);
            let is_open = hedging.handle_failure(Code::Unavailable, Pushback::Absent, true, now);
            assert!(is_open);
            assert_eq!(hedging.poll_timeout(), None);
        }
    }

    /// A failure that is not fatal starts the next attempt at once; any other ends the call. (gRFC
    /// A6, hedging policy)
    #[test]
    fn a_failure_brings_the_next_attempt_forward() {
        let start = start();
        let mut hedging = hedging(3, 5, start);
        hedging.handle_started(start);
        let now = start + DELAY / 5;
        assert!(hedging.handle_failure(Code::Unavailable, Pushback::Absent, true, now));
        assert_eq!(hedging.poll_timeout(), Some(now));
        assert!(!hedging.handle_failure(Code::Internal, Pushback::Absent, true, now));
    }

    /// A pushback delays the next attempt, after which `hedgingDelay` applies again; a negative one
    /// stops hedging, and so does the throttle. (gRFC A6, pushback and throttling)
    #[test]
    fn pushback_and_throttle() {
        let start = start();
        let mut hedging = hedging(4, 5, start);
        hedging.handle_started(start);
        let wanted = Duration::from_secs(3);
        assert!(hedging.handle_failure(Code::Unavailable, Pushback::After(wanted), true, start));
        assert_eq!(hedging.poll_timeout(), Some(start + wanted));
        hedging.handle_started(start + wanted);
        assert_eq!(hedging.poll_timeout(), Some(start + wanted + DELAY));
        assert!(hedging.handle_failure(Code::Unavailable, Pushback::Never, true, start));
        assert_eq!(hedging.poll_timeout(), None);

        let mut hedging = self::hedging(4, 5, start);
        hedging.handle_started(start);
        assert!(hedging.handle_failure(Code::Unavailable, Pushback::Absent, false, start));
        assert_eq!(hedging.poll_timeout(), None);
    }

    /// An attempt that no server acted on is made again at once. It does not count, and neither the
    /// schedule of the others nor the end of hedging changes. (gRFC A6, transparent retries)
    #[test]
    fn transparent_retries_leave_the_schedule() {
        let start = start();
        let mut hedging = hedging(2, 5, start);
        hedging.handle_started(start);
        let now = start + DELAY / 5;
        hedging.handle_transparent_retry(now);
        assert!(hedging.is_transparent());
        assert_eq!(hedging.poll_timeout(), Some(now));
        assert_eq!(hedging.previous_attempts(), 0);
        hedging.handle_started(now);
        assert_eq!(hedging.poll_timeout(), Some(start + DELAY));
        assert_eq!(hedging.previous_attempts(), 1);

        hedging.stop();
        hedging.handle_transparent_retry(now);
        assert_eq!(hedging.poll_timeout(), Some(now));
        hedging.handle_started(now);
        assert_eq!(hedging.poll_timeout(), None, "hedging has ended");
        hedging.handle_transparent_retry(now);
        hedging.commit();
        assert_eq!(hedging.poll_timeout(), None);
    }
}
