//! The list of service configs in a TXT record.

use serde_json::Value;

use crate::ConfigError;
use crate::json::{self, list, object, optional, required, string};

/// Prefix of the TXT record that contains the list.
const PREFIX: &str = "grpc_config=";

/// Properties of the client that decide which choice of the list applies to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client<'a> {
    /// The language of the client, here `rust`.
    pub language: &'a str,
    /// A random number from 0 to 99, drawn once in the life of the client. A choice for 30 percent
    /// of the clients applies to those with a number below 30.
    pub sample: u8,
    /// The name of this host. `None` if it is unknown, which matches no list of names.
    pub hostname: Option<&'a str>,
}

impl<'a> Client<'a> {
    /// Returns the properties of a client in Rust.
    #[must_use]
    pub fn new(sample: u8, hostname: Option<&'a str>) -> Self {
        Self {
            language: "rust",
            sample,
            hostname,
        }
    }

    /// Sets the language. Default: `rust`.
    #[must_use]
    pub fn with_language(mut self, language: &'a str) -> Self {
        self.language = language;
        self
    }
}

/// Chooses from the TXT records of `_grpc_config.NAME`, each with its strings joined.
///
/// The first record that starts with `grpc_config=` contains the list for [`choose`]; other records
/// are ignored. `None` if there is no such record.
///
/// # Errors
///
/// Those of [`choose`].
pub fn choose_from_txt<'a>(
    records: impl IntoIterator<Item = &'a str>,
    client: &Client<'_>,
) -> Result<Option<String>, ConfigError> {
    let list = records
        .into_iter()
        .find_map(|record| record.strip_prefix(PREFIX));
    list.map_or(Ok(None), |list| choose(list, client))
}

/// Chooses the first service config of a JSON list that is meant for `client`.
///
/// Returns its JSON without parsing the config. `None` if no choice is meant for this client: this
/// is no error, the client uses its default.
///
/// ```
/// use trunkline_service_config::{Client, choose};
///
/// let list = r#"[{"clientLanguage": ["go"], "serviceConfig": {"a": 1}},
///                {"percentage": 30, "serviceConfig": {"b": 2}}]"#;
/// assert_eq!(choose(list, &Client::new(29, None))?.as_deref(), Some(r#"{"b":2}"#));
/// assert_eq!(choose(list, &Client::new(30, None))?, None);
/// # Ok::<(), trunkline_service_config::ConfigError>(())
/// ```
///
/// # Errors
///
/// When any choice of the list is malformed or has an unknown field: an unknown condition must not
/// count as fulfilled.
///
/// Source: [gRFC A2](https://github.com/grpc/proposal/blob/master/A2-service-configs-in-dns.md).
pub fn choose(choices: &str, client: &Client<'_>) -> Result<Option<String>, ConfigError> {
    let value: Value = serde_json::from_str(choices)
        .map_err(|error| ConfigError::new(format!("not JSON: {error}")))?;
    let choices = list(&value, |choice| read(choice, client))?;
    let chosen = choices.into_iter().flatten().next();
    Ok(chosen.map(Value::to_string))
}

/// Returns the service config of one choice, if it is meant for `client`.
fn read<'a>(choice: &'a Value, client: &Client<'_>) -> Result<Option<&'a Value>, ConfigError> {
    let choice = object(choice)?;
    for field in choice.keys() {
        match field.as_str() {
            "clientLanguage" | "percentage" | "clientHostname" | "serviceConfig" => {}
            _ => return Err(ConfigError::new("is no field of a choice").within(field.as_str())),
        }
    }
    let languages = optional(choice, "clientLanguage", |names| list(names, string))?;
    let hostnames = optional(choice, "clientHostname", |names| list(names, string))?;
    let percentage = optional(choice, "percentage", |value| match json::uint32(value) {
        Ok(percentage @ 0..=100) => Ok(percentage),
        _ => Err(json::expected("an integer from 0 to 100", value)),
    })?;
    let config = required(choice, "serviceConfig", |value| {
        object(value).map(|_| value)
    })?;

    let meant = matches_any(languages, |name| name.eq_ignore_ascii_case(client.language))
        && matches_any(hostnames, |name| Some(name) == client.hostname)
        && percentage.is_none_or(|percentage| u32::from(client.sample) < percentage);
    Ok(meant.then_some(config))
}

/// Returns whether one of the names matches. An absent or empty list matches every client.
fn matches_any(names: Option<Vec<&str>>, matches: impl FnMut(&str) -> bool) -> bool {
    names.is_none_or(|names| names.is_empty() || names.into_iter().any(matches))
}
