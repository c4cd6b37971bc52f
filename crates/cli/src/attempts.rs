//! How often a call may be sent: the method config of `--retry` and `--hedge`.

use serde_json::{Value, json};
use trunkline::ChannelBuilder;

use crate::args::AttemptArgs;

/// The policies of a channel for attempts and for load balancing, as the command line asks for them.
pub(crate) fn configure(
    builder: ChannelBuilder,
    args: &AttemptArgs,
    lb: Option<&str>,
) -> ChannelBuilder {
    let mut config = serde_json::Map::new();
    if let Some(policy) = lb {
        config.insert("loadBalancingConfig".to_owned(), json!([{ policy: {} }]));
    }
    if let Some((name, policy)) = policy(args) {
        let method = json!([{ "name": [{}], name: policy }]);
        config.insert("methodConfig".to_owned(), method);
    }
    if config.is_empty() {
        return builder;
    }
    let builder = builder.default_service_config(Value::Object(config).to_string());
    match most(args) {
        Some(attempts) => builder.max_attempts(attempts),
        None => builder,
    }
}

/// Returns the name of the policy for attempts, and its JSON.
fn policy(args: &AttemptArgs) -> Option<(&'static str, Value)> {
    if let Some(attempts) = args.retry {
        let policy = json!({
            "maxAttempts": attempts,
            "initialBackoff": "0.05s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        });
        return Some(("retryPolicy", policy));
    }
    let hedge = args.hedge?;
    let policy = json!({
        "maxAttempts": hedge.attempts,
        "hedgingDelay": format!("{:.6}s", hedge.delay.as_secs_f64()),
        "nonFatalStatusCodes": ["UNAVAILABLE"],
    });
    Some(("hedgingPolicy", policy))
}

/// Returns the most attempts of a call.
fn most(args: &AttemptArgs) -> Option<u32> {
    args.retry
        .or_else(|| args.hedge.map(|hedge| hedge.attempts))
}
