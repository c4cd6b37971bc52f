//! Retries and hedging.

use std::time::Duration;

use serde_json::Value;
use trunkline_status::Code;

use crate::json::{self, Object, list, object, optional, required};
use crate::{ConfigError, parse_duration};

/// When the channel makes more than one attempt at a call.
///
/// A program gets one from a parsed config, also for a [`ConfigSelector`](crate::ConfigSelector) of its
/// own:
///
/// ```
/// use std::time::Duration;
/// use trunkline_service_config::{AttemptPolicy, ServiceConfig};
/// # use std::sync::Arc;
/// # use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};
/// # struct NoPolicies;
/// # impl PolicyParsers for NoPolicies {
/// #     fn parse(
/// #         &self,
/// #         _: &str,
/// #         _: &serde_json::Value,
/// #     ) -> Option<Result<Arc<dyn PolicyConfig>, ConfigError>> {
/// #         None
/// #     }
/// # }
///
/// let json = r#"{"methodConfig": [{"name": [{}], "retryPolicy": {
///     "maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
///     "retryableStatusCodes": ["UNAVAILABLE"]
/// }}]}"#;
/// let config = ServiceConfig::parse(json, &NoPolicies)?;
/// let method = config.method("/shop.Orders/Get").cloned().unwrap_or_default();
/// let Some(AttemptPolicy::Retry(policy)) = &method.attempts else {
///     panic!("a policy for all methods");
/// };
/// assert_eq!(policy.initial_backoff, Duration::from_millis(100));
/// # Ok::<(), ConfigError>(())
/// ```
///
/// Source: [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptPolicy {
    /// A new attempt after a failed one.
    Retry(RetryPolicy),
    /// A new attempt while earlier ones have no response yet.
    Hedging(HedgingPolicy),
}

/// When to retry a failed call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Most attempts, the first included: 2 or more. The channel caps it, at 5 by default.
    pub max_attempts: u32,
    /// The delay before the second attempt, without jitter; above 0.
    pub initial_backoff: Duration,
    /// The longest delay, without jitter; above 0.
    pub max_backoff: Duration,
    /// The factor from one delay to the next; above 0.
    pub backoff_multiplier: f64,
    /// The status codes that are retried, sorted; at least one.
    pub retryable_codes: Vec<Code>,
}

/// When to make further attempts at a call while the earlier ones have no response yet.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HedgingPolicy {
    /// Most attempts, the first included: 2 or more. The channel caps it, at 5 by default.
    pub max_attempts: u32,
    /// The delay between attempts; 0 starts all of them at once.
    pub delay: Duration,
    /// The status codes that do not end the call while other attempts are in flight, sorted.
    pub non_fatal_codes: Vec<Code>,
}

/// Token bucket that stops retries and hedging while too many calls fail.
///
/// Tokens are counted in thousandths, so that the count is exact and fits an atomic integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryThrottling {
    /// Size of the bucket in whole tokens: 1 to 1000. The bucket is full at first. While it is at
    /// most half full, calls are neither retried nor hedged.
    pub max_tokens: u32,
    /// Thousandths of a token that a successful call adds. A failed one takes a whole token.
    pub token_ratio_thousandths: u32,
}

impl AttemptPolicy {
    /// Parses `retryPolicy` or `hedgingPolicy` of a method's config; `None` if both are absent.
    pub(crate) fn read(method: &Object) -> Result<Option<Self>, ConfigError> {
        let retry = optional(method, "retryPolicy", RetryPolicy::read)?;
        let hedging = optional(method, "hedgingPolicy", HedgingPolicy::read)?;
        match (retry, hedging) {
            (Some(_), Some(_)) => Err(ConfigError::new(
                "expected one of retryPolicy and hedgingPolicy, found both",
            )),
            (Some(retry), None) => Ok(Some(Self::Retry(retry))),
            (None, hedging) => Ok(hedging.map(Self::Hedging)),
        }
    }
}

impl RetryPolicy {
    /// Creates a policy with this most attempts, the first included, and these status codes. The
    /// delays are 0.1 s, 0.2 s, 0.4 s and so on, up to 1 s.
    #[must_use]
    pub fn new(max_attempts: u32, retryable_codes: impl IntoIterator<Item = Code>) -> Self {
        Self {
            max_attempts,
            initial_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            backoff_multiplier: 2.0,
            retryable_codes: sorted(retryable_codes.into_iter().collect()),
        }
    }

    /// Sets the delay before the second attempt, without jitter. Default: 0.1 s.
    #[must_use]
    pub fn with_initial_backoff(mut self, backoff: Duration) -> Self {
        self.initial_backoff = backoff;
        self
    }

    /// Sets the longest delay, without jitter. Default: 1 s.
    #[must_use]
    pub fn with_max_backoff(mut self, backoff: Duration) -> Self {
        self.max_backoff = backoff;
        self
    }

    /// Sets the factor from one delay to the next. Default: 2.
    #[must_use]
    pub fn with_backoff_multiplier(mut self, multiplier: f64) -> Self {
        self.backoff_multiplier = multiplier;
        self
    }

    fn read(value: &Value) -> Result<Self, ConfigError> {
        let policy = object(value)?;
        Ok(Self {
            max_attempts: required(policy, "maxAttempts", max_attempts)?,
            initial_backoff: required(policy, "initialBackoff", positive_duration)?,
            max_backoff: required(policy, "maxBackoff", positive_duration)?,
            backoff_multiplier: required(policy, "backoffMultiplier", json::positive)?,
            retryable_codes: required(policy, "retryableStatusCodes", |value| {
                let codes = codes(value)?;
                if codes.is_empty() {
                    return Err(ConfigError::new("expected at least one status code"));
                }
                Ok(codes)
            })?,
        })
    }
}

impl HedgingPolicy {
    /// Creates a policy with this most attempts, the first included, which all start at once and
    /// which every failure ends.
    #[must_use]
    pub fn new(max_attempts: u32) -> Self {
        Self {
            max_attempts,
            delay: Duration::ZERO,
            non_fatal_codes: Vec::new(),
        }
    }

    /// Sets the delay between attempts. Default: 0, all at once.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets the status codes that do not end the call while other attempts are in flight. Default:
    /// none.
    #[must_use]
    pub fn with_non_fatal_codes(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.non_fatal_codes = sorted(codes.into_iter().collect());
        self
    }

    fn read(value: &Value) -> Result<Self, ConfigError> {
        let policy = object(value)?;
        Ok(Self {
            max_attempts: required(policy, "maxAttempts", max_attempts)?,
            delay: optional(policy, "hedgingDelay", duration)?.unwrap_or_default(),
            non_fatal_codes: optional(policy, "nonFatalStatusCodes", codes)?.unwrap_or_default(),
        })
    }
}

impl RetryThrottling {
    /// Creates a token bucket of this size, in whole tokens, to which a successful call adds this
    /// many thousandths of a token.
    #[must_use]
    pub fn new(max_tokens: u32, token_ratio_thousandths: u32) -> Self {
        Self {
            max_tokens,
            token_ratio_thousandths,
        }
    }

    pub(crate) fn read(value: &Value) -> Result<Self, ConfigError> {
        let throttling = object(value)?;
        Ok(Self {
            max_tokens: required(throttling, "maxTokens", |value| match json::uint32(value) {
                Ok(tokens @ 1..=1000) => Ok(tokens),
                _ => Err(json::expected("an integer from 1 to 1000", value)),
            })?,
            token_ratio_thousandths: required(throttling, "tokenRatio", |value| {
                thousandths(json::positive(value)?)
                    .filter(|ratio| *ratio > 0)
                    .ok_or_else(|| json::expected("a number from 0.001 to 1000000", value))
            })?,
        })
    }
}

/// Returns a number in thousandths, without the digits after the third one; `None` above a million.
///
/// It works on the decimal text, because `1.001 * 1000.0` is below 1001.
fn thousandths(number: f64) -> Option<u32> {
    if number > 1e6 {
        return None;
    }
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    format!("{whole}{digits}").parse().ok()
}

pub(crate) fn duration(value: &Value) -> Result<Duration, ConfigError> {
    parse_duration(json::string(value)?)
}

fn positive_duration(value: &Value) -> Result<Duration, ConfigError> {
    match duration(value)? {
        Duration::ZERO => Err(json::expected("a duration above 0", value)),
        duration => Ok(duration),
    }
}

fn max_attempts(value: &Value) -> Result<u32, ConfigError> {
    match json::uint32(value) {
        Ok(attempts @ 2..) => Ok(attempts),
        _ => Err(json::expected("an integer of 2 or more", value)),
    }
}

/// Parses status codes, each a number or a name. Returns them sorted, without duplicates.
fn codes(value: &Value) -> Result<Vec<Code>, ConfigError> {
    let codes = list(value, |value| {
        let code = match value {
            Value::String(name) => name.parse().ok(),
            number => json::uint32(number).ok().and_then(Code::from_number),
        };
        code.ok_or_else(|| {
            json::expected("a status code such as \"UNAVAILABLE\" or its number", value)
        })
    })?;
    Ok(sorted(codes))
}

/// Returns the codes sorted, without duplicates.
fn sorted(mut codes: Vec<Code>) -> Vec<Code> {
    codes.sort_unstable();
    codes.dedup();
    codes
}
