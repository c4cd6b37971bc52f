//! The JSON of the parts of a service config.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline_status::Code;

use crate::json::Object;
use crate::{AttemptPolicy, HedgingPolicy, MethodConfig, MethodName, RetryPolicy, RetryThrottling};

/// Returns one entry of `methodConfig`.
pub(crate) fn method_entry(names: &[MethodName], config: &MethodConfig) -> Value {
    let mut entry = Object::new();
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            entry.insert(field.to_owned(), value);
        }
    };
    put("name", Some(names.iter().map(method_name).collect()));
    put("waitForReady", config.wait_for_ready.map(Value::from));
    put("timeout", config.timeout.map(duration));
    let bytes = config.max_request_message_bytes;
    put("maxRequestMessageBytes", bytes.map(Value::from));
    let bytes = config.max_response_message_bytes;
    put("maxResponseMessageBytes", bytes.map(Value::from));
    match &config.attempts {
        None => {}
        Some(AttemptPolicy::Retry(policy)) => put("retryPolicy", Some(retry_policy(policy))),
        Some(AttemptPolicy::Hedging(policy)) => put("hedgingPolicy", Some(hedging_policy(policy))),
    }
    Value::Object(entry)
}

fn method_name(name: &MethodName) -> Value {
    match (name.service(), name.method()) {
        ("", "") => json!({}),
        (service, "") => json!({ "service": service }),
        (service, method) => json!({ "service": service, "method": method }),
    }
}

fn retry_policy(policy: &RetryPolicy) -> Value {
    json!({
        "maxAttempts": policy.max_attempts,
        "initialBackoff": duration(policy.initial_backoff),
        "maxBackoff": duration(policy.max_backoff),
        "backoffMultiplier": policy.backoff_multiplier,
        "retryableStatusCodes": codes(&policy.retryable_codes),
    })
}

fn hedging_policy(policy: &HedgingPolicy) -> Value {
    json!({
        "maxAttempts": policy.max_attempts,
        "hedgingDelay": duration(policy.delay),
        "nonFatalStatusCodes": codes(&policy.non_fatal_codes),
    })
}

pub(crate) fn retry_throttling(throttling: RetryThrottling) -> Value {
    json!({
        "maxTokens": throttling.max_tokens,
        "tokenRatio": f64::from(throttling.token_ratio_thousandths) / 1000.0,
    })
}

fn codes(codes: &[Code]) -> Value {
    codes.iter().map(|code| code.name()).collect()
}

/// Returns a duration such as `1.5s`.
fn duration(duration: Duration) -> Value {
    let text = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    Value::String(format!("{text}s"))
}
