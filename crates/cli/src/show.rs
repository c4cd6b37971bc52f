//! How things are printed in JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};
use trunkline::{Endpoint, ResolveErrorKind};

/// Milliseconds with a fraction, to the microsecond.
pub(crate) fn millis(time: Duration) -> Value {
    json!((time.as_secs_f64() * 1e6).round() / 1e3)
}

/// Endpoints as `resolve` and `watch` print them.
pub(crate) fn endpoints(endpoints: &[Endpoint]) -> Value {
    endpoints.iter().map(endpoint).collect()
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let addresses: Vec<String> = endpoint
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    let attributes: Map<String, Value> = endpoint
        .attributes()
        .to_strings()
        .into_iter()
        // Numbers and quoted texts are JSON as they are printed.
        .map(|(name, value)| {
            let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
            (name.to_owned(), value)
        })
        .collect();
    json!({ "addresses": addresses, "attributes": attributes })
}

/// An endpoint on one line, for people.
pub(crate) fn endpoint_line(endpoint: &Endpoint) -> String {
    let addresses: Vec<String> = endpoint
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut line = addresses.join(", ");
    for (name, value) in endpoint.attributes().to_strings() {
        line.push_str(&format!("  {name}={value}"));
    }
    line
}

/// The `kind` of a resolver's error in JSON.
pub(crate) fn resolve_error_kind(kind: ResolveErrorKind) -> &'static str {
    match kind {
        ResolveErrorKind::NotFound => "not_found",
        ResolveErrorKind::NoData => "no_data",
        ResolveErrorKind::Deadline => "deadline",
        ResolveErrorKind::InvalidName => "invalid_name",
        _ => "unavailable",
    }
}
