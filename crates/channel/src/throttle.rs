//! The token bucket that stops retries while too many calls fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use trunkline_service_config::RetryThrottling;
use trunkline_status::Code;

use crate::core::codes::CodeSet;
use crate::core::pushback::Pushback;

/// Thousandths of a token in a whole one.
const TOKEN: u32 = 1000;

/// The token bucket of a channel, which all of its calls share.
///
/// The bucket is full at first. While it is at most half full, no call is retried or hedged; its
/// first attempt is always made.
///
/// Source: [gRFC A6, throttling retry attempts and hedged RPCs](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs).
#[derive(Debug)]
pub(crate) struct RetryThrottle {
    config: RetryThrottling,
    /// In thousandths.
    tokens: AtomicU32,
}

/// The effect that the end of one attempt has on the channel's throttle.
pub(crate) struct ThrottleShare {
    throttle: Arc<RetryThrottle>,
    /// The codes that count as failures.
    codes: CodeSet,
}

impl RetryThrottle {
    pub(crate) fn new(config: RetryThrottling) -> Self {
        Self {
            config,
            tokens: AtomicU32::new(config.max_tokens * TOKEN),
        }
    }

    pub(crate) fn config(&self) -> RetryThrottling {
        self.config
    }

    /// Returns whether a call may be retried or hedged.
    pub(crate) fn allows(&self) -> bool {
        self.tokens.load(Ordering::Relaxed) > self.config.max_tokens * TOKEN / 2
    }

    /// Handles an attempt that succeeded.
    pub(crate) fn handle_success(&self) {
        let max = self.config.max_tokens * TOKEN;
        // Most of the time the bucket is full. A load, unlike a store, does not take the cache line
        // away from other threads.
        if self.tokens.load(Ordering::Relaxed) < max {
            let ratio = self.config.token_ratio_thousandths;
            self.update(|tokens| tokens.saturating_add(ratio).min(max));
        }
    }

    /// Handles an attempt that failed with a code that is retried, or whose server asks for no
    /// retry.
    pub(crate) fn handle_failure(&self) {
        self.update(|tokens| tokens.saturating_sub(TOKEN));
    }

    fn update(&self, change: impl Fn(u32) -> u32) {
        let _ = self
            .tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                Some(change(tokens))
            });
    }
}

impl ThrottleShare {
    pub(crate) fn new(throttle: Arc<RetryThrottle>, codes: CodeSet) -> Self {
        Self { throttle, codes }
    }

    /// Handles the end of the attempt.
    pub(crate) fn handle_end(&self, code: Code, pushback: Pushback) {
        if code == Code::Ok {
            self.throttle.handle_success();
        } else if self.codes.contains(code) || pushback == Pushback::Never {
            self.throttle.handle_failure();
        }
    }
}

#[cfg(test)]
mod tests {
    use trunkline_lb::PolicyRegistry;
    use trunkline_service_config::ServiceConfig;

    use super::*;

    fn throttle(max_tokens: u32, ratio: f64) -> RetryThrottle {
        let json = format!(
            r#"{{"retryThrottling": {{"maxTokens": {max_tokens}, "tokenRatio": {ratio}}}}}"#
        );
        let config =
            ServiceConfig::parse(&json, &PolicyRegistry::standard()).expect("a valid config");
        RetryThrottle::new(config.retry_throttling().expect("a throttling"))
    }

    /// A failure takes one token, a success adds `tokenRatio`, and at `maxTokens / 2` or below there
    /// is no retry. (gRFC A6, throttling)
    #[test]
    fn a_bucket_that_is_half_full_stops_retries() {
        let throttle = throttle(4, 0.5);
        assert!(throttle.allows());
        throttle.handle_failure();
        assert!(throttle.allows());
        throttle.handle_failure();
        assert!(!throttle.allows());
        throttle.handle_success();
        assert!(throttle.allows());
    }

    /// The count stays between 0 and `maxTokens`.
    #[test]
    fn the_count_is_bounded() {
        let throttle = throttle(2, 1000.0);
        throttle.handle_success();
        for _ in 0..5 {
            throttle.handle_failure();
        }
        assert!(!throttle.allows());
        throttle.handle_success();
        assert_eq!(throttle.tokens.load(Ordering::Relaxed), 2 * TOKEN);
    }

    /// An odd number of tokens is halved exactly.
    #[test]
    fn half_a_token_counts() {
        let throttle = throttle(1, 0.001);
        assert!(throttle.allows());
        throttle.handle_failure();
        assert!(!throttle.allows());
        for _ in 0..500 {
            throttle.handle_success();
        }
        assert!(!throttle.allows());
        throttle.handle_success();
        assert!(throttle.allows());
    }
}
