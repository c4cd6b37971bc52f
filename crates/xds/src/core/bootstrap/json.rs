//! Reading of JSON values. The errors name types and never quote values, which may be secrets.

use std::time::Duration;

use serde_json::{Map, Value};
use trunkline_service_config::parse_duration;

use super::error::BootstrapError;
use crate::core::resources::Place;

pub(super) type Object = Map<String, Value>;

/// Returns a field; `None` where it is absent or `null`.
pub(super) fn field<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// Reads a field that may be absent.
pub(super) fn optional<'a, T>(
    object: &'a Object,
    place: &Place<'_>,
    name: &'static str,
    read: impl FnOnce(&'a Value, &Place<'_>) -> Result<T, BootstrapError>,
) -> Result<Option<T>, BootstrapError> {
    field(object, name)
        .map(|value| read(value, &place.field(name)))
        .transpose()
}

/// Reads a field that must be present.
pub(super) fn required<'a, T>(
    object: &'a Object,
    place: &Place<'_>,
    name: &'static str,
    read: impl FnOnce(&'a Value, &Place<'_>) -> Result<T, BootstrapError>,
) -> Result<T, BootstrapError> {
    optional(object, place, name, read)?
        .ok_or_else(|| BootstrapError::at(place.field(name), "is missing"))
}

pub(super) fn object<'a>(
    value: &'a Value,
    place: &Place<'_>,
) -> Result<&'a Object, BootstrapError> {
    value
        .as_object()
        .ok_or_else(|| expected("an object", value, place))
}

/// Reads each item of an array.
pub(super) fn list<'a, T>(
    value: &'a Value,
    place: &Place<'_>,
    read: impl Fn(&'a Value, &Place<'_>) -> Result<T, BootstrapError>,
) -> Result<Vec<T>, BootstrapError> {
    let items = array(value, place)?;
    let read = |(at, item)| read(item, &place.item(at));
    items.iter().enumerate().map(read).collect()
}

pub(super) fn array<'a>(
    value: &'a Value,
    place: &Place<'_>,
) -> Result<&'a [Value], BootstrapError> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| expected("an array", value, place))
}

pub(super) fn boolean(value: &Value, place: &Place<'_>) -> Result<bool, BootstrapError> {
    value
        .as_bool()
        .ok_or_else(|| expected("true or false", value, place))
}

pub(super) fn string<'a>(value: &'a Value, place: &Place<'_>) -> Result<&'a str, BootstrapError> {
    value
        .as_str()
        .ok_or_else(|| expected("a string", value, place))
}

/// Reads a string that is not empty.
pub(super) fn text(value: &Value, place: &Place<'_>) -> Result<String, BootstrapError> {
    match string(value, place)? {
        "" => Err(BootstrapError::at(place, "is empty")),
        text => Ok(text.to_owned()),
    }
}

/// Reads a string; an absent one is empty.
pub(super) fn string_or_empty(
    object: &Object,
    place: &Place<'_>,
    name: &'static str,
) -> Result<String, BootstrapError> {
    let found = optional(object, place, name, string)?;
    Ok(found.unwrap_or_default().to_owned())
}

/// Reads a duration above zero, in the JSON form of protobuf.
pub(super) fn interval(value: &Value, place: &Place<'_>) -> Result<Duration, BootstrapError> {
    let found = parse_duration(string(value, place)?);
    found
        .ok()
        .filter(|interval| !interval.is_zero())
        .ok_or_else(|| {
            let text = "expected seconds above zero such as \"600s\"";
            BootstrapError::at(place, text)
        })
}

/// Returns the error for a value of a wrong type.
fn expected(what: &str, found: &Value, place: &Place<'_>) -> BootstrapError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    BootstrapError::at(place, format!("expected {what}, found {found}"))
}
