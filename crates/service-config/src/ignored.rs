//! The parts of a service config that have no effect.

use std::fmt;

use serde_json::Value;

use crate::json::Object;
use crate::place::{Step, push_step};

/// The most parts that one config reports.
const MOST: usize = 32;

/// A part of a service config that has no effect, and the reason.
///
/// The config is valid all the same: clients of other versions and in other languages use the part,
/// or the application has turned it off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IgnoredPart {
    /// The JSON pointer to the part, such as `/loadBalancingConfig/0`
    /// ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)).
    pub pointer: String,
    /// The reason.
    pub reason: IgnoredReason,
}

/// The reason for which a part of a service config has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IgnoredReason {
    /// The grammar has no such field.
    UnknownField,
    /// No load-balancing policy with this name is registered; the next one of the list is tried.
    UnknownPolicy(String),
    /// A `loadBalancingConfig` replaces the deprecated `loadBalancingPolicy`.
    Replaced,
    /// An entry of `methodConfig` has no name, and applies to no method.
    NoName,
    /// The name of a service or of a method has a slash, such as `/shop.Orders`: the path of a gRPC call
    /// is `/service/method`, so no call has that name.
    Slash,
    /// The application has turned the feature off.
    TurnedOff,
    /// The load-balancing policy in force does not use it.
    UnusedByPolicy(String),
    /// This client does not have the feature.
    NotImplemented,
}

impl IgnoredPart {
    /// Creates the description of a part, from its JSON pointer and the reason.
    #[must_use]
    pub fn new(pointer: impl Into<String>, reason: IgnoredReason) -> Self {
        Self {
            pointer: pointer.into(),
            reason,
        }
    }
}

impl fmt::Display for IgnoredPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no effect: {}", self.pointer, self.reason)
    }
}

impl fmt::Display for IgnoredReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField => f.write_str("there is no such field"),
            Self::UnknownPolicy(name) => write!(f, "no policy {name:?} is registered"),
            Self::Replaced => f.write_str("`loadBalancingConfig` replaces it"),
            Self::NoName => f.write_str("it has no name"),
            Self::Slash => f.write_str("the names of gRPC services and methods have no slash"),
            Self::TurnedOff => f.write_str("the application has turned it off"),
            Self::UnusedByPolicy(name) => write!(f, "the policy {name:?} does not use it"),
            Self::NotImplemented => f.write_str("this client does not have it"),
        }
    }
}

/// What the grammar has in one place.
enum Shape {
    /// A value whose parts are not checked.
    Any,
    /// An object with these fields.
    Fields(&'static [(&'static str, Self)]),
    /// An array of objects with these fields.
    Items(&'static [(&'static str, Self)]),
}

/// The grammar of a service config.
const CONFIG: Shape = Shape::Fields(&[
    ("loadBalancingPolicy", Shape::Any),
    ("loadBalancingConfig", Shape::Any),
    ("methodConfig", Shape::Items(METHOD)),
    (
        "retryThrottling",
        Shape::Fields(&[("maxTokens", Shape::Any), ("tokenRatio", Shape::Any)]),
    ),
    (
        "healthCheckConfig",
        Shape::Fields(&[("serviceName", Shape::Any)]),
    ),
    (
        "connectionScaling",
        Shape::Fields(&[("maxConnectionsPerSubchannel", Shape::Any)]),
    ),
]);

const METHOD: &[(&str, Shape)] = &[
    (
        "name",
        Shape::Items(&[("service", Shape::Any), ("method", Shape::Any)]),
    ),
    ("waitForReady", Shape::Any),
    ("timeout", Shape::Any),
    ("maxRequestMessageBytes", Shape::Any),
    ("maxResponseMessageBytes", Shape::Any),
    (
        "retryPolicy",
        Shape::Fields(&[
            ("maxAttempts", Shape::Any),
            ("initialBackoff", Shape::Any),
            ("maxBackoff", Shape::Any),
            ("backoffMultiplier", Shape::Any),
            ("retryableStatusCodes", Shape::Any),
        ]),
    ),
    (
        "hedgingPolicy",
        Shape::Fields(&[
            ("maxAttempts", Shape::Any),
            ("hedgingDelay", Shape::Any),
            ("nonFatalStatusCodes", Shape::Any),
        ]),
    ),
];

/// Returns the parts of a valid config that its parser ignores, at most [`MOST`]. `skipped` are the
/// names of the policies that it does not know.
pub(crate) fn ignored_parts(config: &Value, skipped: &[&str]) -> Vec<IgnoredPart> {
    let mut found = Vec::new();
    let policies = skipped.iter().enumerate();
    found.extend(policies.take(MOST).map(|(at, name)| {
        let reason = IgnoredReason::UnknownPolicy((*name).to_owned());
        IgnoredPart::new(format!("/loadBalancingConfig/{at}"), reason)
    }));
    let has = |field: &str| config.get(field).is_some_and(|value| !value.is_null());
    if has("loadBalancingConfig") && has("loadBalancingPolicy") {
        found.push(IgnoredPart::new(
            "/loadBalancingPolicy",
            IgnoredReason::Replaced,
        ));
    }
    let methods = config.get("methodConfig").and_then(Value::as_array);
    for (at, entry) in methods.into_iter().flatten().enumerate() {
        let names = entry.get("name").and_then(Value::as_array);
        if names.is_none_or(Vec::is_empty) && found.len() < MOST {
            let pointer = format!("/methodConfig/{at}");
            found.push(IgnoredPart::new(pointer, IgnoredReason::NoName));
        }
        for (name_at, name) in names.into_iter().flatten().enumerate() {
            names_with_slash(
                name,
                &format!("/methodConfig/{at}/name/{name_at}"),
                &mut found,
            );
        }
    }
    unknown_fields(config, &CONFIG, &mut String::new(), &mut found);
    found.truncate(MOST);
    found
}

/// Adds the parts of a method's name that have a slash. `pointer` is that to the name.
fn names_with_slash(name: &Value, pointer: &str, found: &mut Vec<IgnoredPart>) {
    for field in ["service", "method"] {
        let value = name.get(field).and_then(Value::as_str);
        if value.is_some_and(|value| value.contains('/')) && found.len() < MOST {
            let pointer = format!("{pointer}/{field}");
            found.push(IgnoredPart::new(pointer, IgnoredReason::Slash));
        }
    }
}

/// Adds the fields of `value` that `shape` does not have. `pointer` is that to `value`.
fn unknown_fields(
    value: &Value,
    shape: &Shape,
    pointer: &mut String,
    found: &mut Vec<IgnoredPart>,
) {
    match (shape, value) {
        (Shape::Fields(fields), Value::Object(object)) => {
            unknown_fields_of(object, fields, pointer, found);
        }
        (Shape::Items(fields), Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                let Value::Object(object) = item else {
                    continue;
                };
                within(pointer, &Step::Item(at), |pointer| {
                    unknown_fields_of(object, fields, pointer, found);
                });
            }
        }
        _ => {}
    }
}

fn unknown_fields_of(
    object: &Object,
    fields: &[(&str, Shape)],
    pointer: &mut String,
    found: &mut Vec<IgnoredPart>,
) {
    for (name, value) in object {
        if found.len() >= MOST {
            return;
        }
        within(pointer, &Step::Field(name.clone()), |pointer| match fields
            .iter()
            .find(|(known, _)| known == name)
        {
            Some((_, shape)) => unknown_fields(value, shape, pointer, found),
            None => found.push(IgnoredPart::new(
                pointer.as_str(),
                IgnoredReason::UnknownField,
            )),
        });
    }
}

/// Runs `inner` with the pointer to a part.
fn within(pointer: &mut String, step: &Step, inner: impl FnOnce(&mut String)) {
    let length = pointer.len();
    push_step(pointer, step);
    inner(pointer);
    pointer.truncate(length);
}
