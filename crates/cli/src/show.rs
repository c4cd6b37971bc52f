//! Times, endpoints and errors as they are printed.

use std::time::Duration;

use serde_json::{Map, Value, json};
use trunkline::service_config::{IgnoredPart, IgnoredReason};
use trunkline::{Endpoint, Inspection, ResolveErrorKind};

use crate::failure::Failure;
use crate::out::Out;

/// Returns milliseconds with a fraction, rounded to the microsecond.
pub(crate) fn millis(time: Duration) -> Value {
    json!((time.as_secs_f64() * 1e6).round() / 1e3)
}

/// Prints an inspection of a channel: as a JSON object on a line, or as JSON that people can read.
pub(crate) fn inspection(inspection: &Inspection, out: &Out) -> Result<(), Failure> {
    let failed = |error: serde_json::Error| Failure::operation("inspect", error.to_string());
    if out.is_json() {
        let inspection = serde_json::to_value(inspection).map_err(failed)?;
        out.object(&json!({ "event": "inspection", "inspection": inspection }));
        return Ok(());
    }
    let text = serde_json::to_string_pretty(inspection).map_err(failed)?;
    for line in text.lines() {
        out.line(line);
    }
    Ok(())
}

/// Returns endpoints as `resolve` and `watch` print them in JSON.
pub(crate) fn endpoints(endpoints: &[Endpoint]) -> Value {
    endpoints.iter().map(endpoint).collect()
}

/// Returns one endpoint as `resolve` and `watch` print it in JSON.
pub(crate) fn endpoint(endpoint: &Endpoint) -> Value {
    let addresses: Vec<String> = endpoint
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    let attributes: Map<String, Value> = endpoint
        .attributes()
        .to_strings()
        .into_iter()
        // The value of an attribute is printed as a JSON number or string where it is one.
        .map(|(name, value)| {
            let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
            (name.to_owned(), value)
        })
        .collect();
    json!({ "addresses": addresses, "attributes": attributes })
}

/// Returns an endpoint as one line of text.
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

/// Returns a part of a service config without an effect, as a warning in JSON.
pub(crate) fn ignored_part(part: &IgnoredPart) -> Value {
    let kind = match &part.reason {
        IgnoredReason::UnknownField => "unknown_field",
        IgnoredReason::UnknownPolicy(_) => "unknown_policy",
        IgnoredReason::Replaced => "replaced",
        IgnoredReason::NoName => "no_name",
        IgnoredReason::Slash => "slash",
        IgnoredReason::TurnedOff => "turned_off",
        IgnoredReason::UnusedByPolicy(_) => "unused_by_policy",
        IgnoredReason::NotImplemented => "not_implemented",
        _ => "ignored",
    };
    json!({ "kind": kind, "at": part.pointer, "message": part.to_string(), "suggestion": null })
}

/// Returns the `kind` of a resolver's error in JSON.
pub(crate) fn resolve_error_kind(kind: ResolveErrorKind) -> &'static str {
    match kind {
        ResolveErrorKind::NotFound => "not_found",
        ResolveErrorKind::NoData => "no_data",
        ResolveErrorKind::Deadline => "deadline",
        ResolveErrorKind::InvalidName => "invalid_name",
        _ => "unavailable",
    }
}
