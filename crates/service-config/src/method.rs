//! The part of a service config for single methods.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::json::{self, boolean, list, object, optional, uint32};
use crate::retry::duration;
use crate::{AttemptPolicy, ConfigError};

/// Defaults for the calls of a method, or of many methods.
///
/// Source: [`MethodConfig` of service_config.proto](https://github.com/grpc/grpc-proto/blob/master/grpc/service_config/service_config.proto).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MethodConfig {
    /// Whether calls wait until a connection is ready (wait-for-ready). The caller's own choice
    /// takes precedence.
    pub wait_for_ready: Option<bool>,
    /// How long a call may take. The caller's own deadline applies too: the earlier of the two ends
    /// the call.
    pub timeout: Option<Duration>,
    /// Largest request message, in bytes after compression. The caller's own limit applies too: the lower
    /// one counts.
    pub max_request_message_bytes: Option<u32>,
    /// Largest response message, in bytes after compression. The caller's own limit applies too: the lower
    /// one counts.
    pub max_response_message_bytes: Option<u32>,
    /// Whether and how the channel makes more than one attempt at a call.
    pub attempts: Option<AttemptPolicy>,
}

impl MethodConfig {
    /// Sets whether calls wait until a connection is ready. Default: left to the caller.
    #[must_use]
    pub fn with_wait_for_ready(mut self, wait: bool) -> Self {
        self.wait_for_ready = Some(wait);
        self
    }

    /// Sets how long a call may take. Default: no limit but the caller's.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the largest request message, in bytes after compression. Default: no limit but the
    /// caller's.
    #[must_use]
    pub fn with_max_request_message_bytes(mut self, bytes: u32) -> Self {
        self.max_request_message_bytes = Some(bytes);
        self
    }

    /// Sets the largest response message, in bytes after compression. Default: no limit but the
    /// caller's.
    #[must_use]
    pub fn with_max_response_message_bytes(mut self, bytes: u32) -> Self {
        self.max_response_message_bytes = Some(bytes);
        self
    }

    /// Sets whether and how the channel makes more than one attempt at a call. Default: one
    /// attempt.
    #[must_use]
    pub fn with_attempts(mut self, attempts: AttemptPolicy) -> Self {
        self.attempts = Some(attempts);
        self
    }
}

/// The name of a method, of all methods of a service, or of all methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodName {
    service: String,
    method: String,
}

impl MethodName {
    /// Returns the name of all methods.
    #[must_use]
    pub fn all() -> Self {
        Self::of_method("", "")
    }

    /// Returns the name of all methods of a service, `package.Service`.
    #[must_use]
    pub fn of_service(service: impl Into<String>) -> Self {
        Self::of_method(service, "")
    }

    /// Returns the name of one method.
    #[must_use]
    pub fn of_method(service: impl Into<String>, method: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            method: method.into(),
        }
    }

    /// Returns the service, `package.Service`; empty in the name of all methods.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Returns the method; empty in the name of all methods of a service.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    fn read(value: &Value) -> Result<Self, ConfigError> {
        let name = object(value)?;
        let service = optional(name, "service", json::string)?.unwrap_or_default();
        let method = optional(name, "method", json::string)?.unwrap_or_default();
        if service.is_empty() && !method.is_empty() {
            return Err(ConfigError::new(format!(
                "expected a service beside the method {method:?}"
            )));
        }
        Ok(Self::of_method(service, method))
    }

    /// Returns the beginning of the paths that have this name: `/service/method`, `/service/`, or
    /// nothing for all methods.
    fn path(&self) -> String {
        match (self.service(), self.method()) {
            ("", _) => String::new(),
            (service, method) => format!("/{service}/{method}"),
        }
    }
}

/// The configs of methods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Methods {
    /// The entries of `methodConfig`, in their order.
    entries: Vec<MethodEntry>,
    /// The entry of each name, by [`MethodName::path`].
    by_path: BTreeMap<String, usize>,
}

/// One entry of `methodConfig`.
#[derive(Clone, Debug)]
pub(crate) struct MethodEntry {
    pub(crate) names: Vec<MethodName>,
    pub(crate) config: MethodConfig,
}

/// Equal if the config of every method is, whatever the order of the entries.
impl PartialEq for Methods {
    fn eq(&self, other: &Self) -> bool {
        self.by_path.len() == other.by_path.len()
            && self
                .by_path
                .iter()
                .all(|(path, &at)| other.exact(path) == Some(&self.entries[at].config))
    }
}

impl Methods {
    pub(crate) fn read(value: &Value) -> Result<Self, ConfigError> {
        let mut methods = Self::default();
        list(value, |entry| methods.add(entry))?;
        Ok(methods)
    }

    /// Parses one entry and adds it under each of its names. An entry without names has no effect.
    fn add(&mut self, entry: &Value) -> Result<(), ConfigError> {
        let entry = object(entry)?;
        let config = MethodConfig {
            wait_for_ready: optional(entry, "waitForReady", boolean)?,
            timeout: optional(entry, "timeout", duration)?,
            max_request_message_bytes: optional(entry, "maxRequestMessageBytes", uint32)?,
            max_response_message_bytes: optional(entry, "maxResponseMessageBytes", uint32)?,
            attempts: AttemptPolicy::read(entry)?,
        };
        let at = self.entries.len();
        let insert = |name| {
            let name = MethodName::read(name)?;
            match self.by_path.insert(name.path(), at) {
                None => Ok(name),
                Some(_) => Err(ConfigError::new(
                    "this name has a config already; a name may be given once",
                )),
            }
        };
        let names = optional(entry, "name", |names| list(names, insert))?.unwrap_or_default();
        self.entries.push(MethodEntry { names, config });
        Ok(())
    }

    pub(crate) fn entries(&self) -> &[MethodEntry] {
        &self.entries
    }

    pub(crate) fn get(&self, path: &str) -> Option<&MethodConfig> {
        // Most configs have none, and calls look here.
        if self.by_path.is_empty() {
            return None;
        }
        let service = path.rfind('/').map_or("", |slash| &path[..=slash]);
        [path, service, ""]
            .into_iter()
            .find_map(|name| self.exact(name))
    }

    fn exact(&self, path: &str) -> Option<&MethodConfig> {
        let at = *self.by_path.get(path)?;
        Some(&self.entries.get(at)?.config)
    }
}
