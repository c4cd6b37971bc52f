//! What a service config says of single methods.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::json::{self, boolean, list, object, optional, uint32};
use crate::retry::duration;
use crate::{AttemptPolicy, ConfigError};

/// What a service config says of one method, or of many.
///
/// Source: [`MethodConfig` of service_config.proto](https://github.com/grpc/grpc-proto/blob/master/grpc/service_config/service_config.proto).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MethodConfig {
    /// Whether calls wait until a connection is ready; what the caller says goes before it.
    pub wait_for_ready: Option<bool>,
    /// How long a call may take; the caller's own deadline holds too, the earlier of both ends it.
    pub timeout: Option<Duration>,
    /// The longest request message, in octets after compression; the caller's own limit holds too.
    pub max_request_message_bytes: Option<u32>,
    /// The longest response message, in octets after compression; the caller's own limit holds too.
    pub max_response_message_bytes: Option<u32>,
    /// Whether and how a call is attempted more than once.
    pub attempts: Option<AttemptPolicy>,
}

/// The configs of methods by path: `/service/method`, `/service/` or nothing at all.
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

    /// Checks one entry and files it under its names; one without names says nothing.
    fn add(&mut self, entry: &Value) -> Result<(), ConfigError> {
        let entry = object(entry)?;
        let config = Arc::new(MethodConfig {
            wait_for_ready: optional(entry, "waitForReady", boolean)?,
            timeout: optional(entry, "timeout", duration)?,
            max_request_message_bytes: optional(entry, "maxRequestMessageBytes", uint32)?,
            max_response_message_bytes: optional(entry, "maxResponseMessageBytes", uint32)?,
            attempts: AttemptPolicy::read(entry)?,
        });
        let file = |name| match self.by_path.insert(path(name)?, config.clone()) {
            None => Ok(()),
            Some(_) => Err(ConfigError::new(
                "this name has a config already; a name may be given once",
            )),
        };
        optional(entry, "name", |names| list(names, file))?;
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

/// The path, or its beginning, of one name.
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
