//! The load-balancing policy of `--lb`.

use serde_json::json;
use trunkline::lb::PolicyRegistry;

use crate::failure::Failure;

/// The end of the names of young policies, which can be left out.
const EXPERIMENTAL: &str = "_experimental";

/// The policies that have no use without a configuration, although they accept an empty one.
const NEED_CONFIG: [&str; 2] = ["priority", "ring_hash"];

/// Checks that a policy is known and works without a configuration.
pub(crate) fn check(name: &str) -> Result<(), Failure> {
    let policies = PolicyRegistry::standard();
    let Some(factory) = policies.get(name) else {
        let known: Vec<&str> = policies.names().map(short).collect();
        let text = format!("--lb: there is no policy {name:?}");
        let hint = format!("give one of {}", known.join(", "));
        return Err(unusable(text).suggest(Some(hint)));
    };
    let reason = match factory.parse_config(&json!({}), &policies) {
        Err(error) => format!(": {error}"),
        Ok(_) if NEED_CONFIG.contains(&short(name)) => String::new(),
        Ok(_) => return Ok(()),
    };
    let text = format!("--lb: the policy {name:?} needs a configuration{reason}");
    let hint = format!(
        "give it as --service-config '{{\"loadBalancingConfig\":[{{\"{name}\":{{..}}}}]}}'"
    );
    Err(unusable(text).suggest(Some(hint)))
}

fn short(name: &str) -> &str {
    name.strip_suffix(EXPERIMENTAL).unwrap_or(name)
}

fn unusable(text: String) -> Failure {
    Failure::unusable("invalid_policy", text)
}
