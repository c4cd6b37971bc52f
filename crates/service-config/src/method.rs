//! The part of a service config for single methods.

use std::collections::BTreeMap;
use std::sync::Arc;
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

/// The configs of methods by path: `/service/method`, `/service/`, or the empty text for all
/// methods.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Methods {
    by_path: BTreeMap<String, Arc<MethodConfig>>,
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
        let config = Arc::new(MethodConfig {
            wait_for_ready: optional(entry, "waitForReady", boolean)?,
            timeout: optional(entry, "timeout", duration)?,
            max_request_message_bytes: optional(entry, "maxRequestMessageBytes", uint32)?,
            max_response_message_bytes: optional(entry, "maxResponseMessageBytes", uint32)?,
            attempts: AttemptPolicy::read(entry)?,
        });
        let insert = |name| match self.by_path.insert(path(name)?, config.clone()) {
            None => Ok(()),
            Some(_) => Err(ConfigError::new(
                "this name has a config already; a name may be given once",
            )),
        };
        optional(entry, "name", |names| list(names, insert))?;
        Ok(())
    }

    pub(crate) fn get(&self, path: &str) -> Option<&MethodConfig> {
        let service = path.rfind('/').map_or("", |slash| &path[..=slash]);
        [path, service, ""]
            .into_iter()
            .find_map(|name| self.by_path.get(name))
            .map(|config| &**config)
    }
}

/// Returns the key of one name in [`Methods`]: a path, or the beginning of one.
fn path(name: &Value) -> Result<String, ConfigError> {
    let name = object(name)?;
    let service = optional(name, "service", json::string)?.unwrap_or_default();
    let method = optional(name, "method", json::string)?.unwrap_or_default();
    match (service, method) {
        ("", "") => Ok(String::new()),
        ("", method) => Err(ConfigError::new(format!(
            "expected a service beside the method {method:?}"
        ))),
        (service, method) => Ok(format!("/{service}/{method}")),
    }
}
