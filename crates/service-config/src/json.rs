//! Strict reading of JSON values, for a policy that parses its own part of a service config.
//!
//! A field that is `null` counts as absent. Unknown fields are ignored. A field of a wrong type is
//! an error with the path of the field, the expected type and the value that was found.
//!
//! ```
//! use serde_json::json;
//! use trunkline_service_config::json::{boolean, object, optional};
//!
//! let config = json!({ "shuffleAddressList": 7 });
//! let error = optional(object(&config)?, "shuffleAddressList", boolean).unwrap_err();
//! assert_eq!(error.to_string(), "shuffleAddressList: expected true or false, found 7");
//! # Ok::<(), trunkline_service_config::ConfigError>(())
//! ```

use serde_json::{Map, Value};

use crate::ConfigError;

/// The fields of a JSON object.
pub type Object = Map<String, Value>;

/// Reads a field that may be absent or `null`.
///
/// # Errors
///
/// Those of `read`, with the name of the field.
pub fn optional<'a, T>(
    object: &'a Object,
    field: &str,
    read: impl FnOnce(&'a Value) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).map_err(|error| error.within(field)),
    }
}

/// Reads a field that must be present.
///
/// # Errors
///
/// When it is absent or `null`, and those of `read`.
pub fn required<'a, T>(
    object: &'a Object,
    field: &str,
    read: impl FnOnce(&'a Value) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    optional(object, field, read)?.ok_or_else(|| ConfigError::new("is missing").within(field))
}

/// Reads an object.
///
/// # Errors
///
/// When it is something else.
pub fn object(value: &Value) -> Result<&Object, ConfigError> {
    value
        .as_object()
        .ok_or_else(|| expected("an object", value))
}

/// Reads each item of an array with `read`.
///
/// # Errors
///
/// When it is no array, and those of `read`, with the index of the item.
pub fn list<'a, T>(
    value: &'a Value,
    mut read: impl FnMut(&'a Value) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let items = value
        .as_array()
        .ok_or_else(|| expected("an array", value))?;
    let read = |(at, item)| read(item).map_err(|error| error.within_item(at));
    items.iter().enumerate().map(read).collect()
}

/// Reads `true` or `false`.
///
/// # Errors
///
/// When it is something else.
pub fn boolean(value: &Value) -> Result<bool, ConfigError> {
    value
        .as_bool()
        .ok_or_else(|| expected("true or false", value))
}

/// Reads a string.
///
/// # Errors
///
/// When it is something else.
pub fn string(value: &Value) -> Result<&str, ConfigError> {
    value.as_str().ok_or_else(|| expected("a string", value))
}

/// Reads an integer from 0 to 2^32 - 1.
///
/// # Errors
///
/// When it is something else.
pub fn uint32(value: &Value) -> Result<u32, ConfigError> {
    value
        .as_u64()
        .and_then(|number| number.try_into().ok())
        .ok_or_else(|| expected("an integer from 0 to 4294967295", value))
}

/// Reads a number above 0.
///
/// # Errors
///
/// When it is something else.
pub fn positive(value: &Value) -> Result<f64, ConfigError> {
    value
        .as_f64()
        .filter(|number| *number > 0.0 && number.is_finite())
        .ok_or_else(|| expected("a number above 0", value))
}

/// Returns an error with what was expected and with the value that was found, cut after 60
/// characters.
#[must_use]
pub fn expected(what: &str, found: &Value) -> ConfigError {
    const LONGEST: usize = 60;
    let found = match found {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => scalar.to_string(),
    };
    let end = found.char_indices().nth(LONGEST);
    ConfigError::new(match end {
        Some((end, _)) => format!("expected {what}, found {}...", &found[..end]),
        None => format!("expected {what}, found {found}"),
    })
}
