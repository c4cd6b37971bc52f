//! A whole service config.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::ignored::ignored_parts;
use crate::json::{Object, object, optional, string, uint32};
use crate::method::Methods;
use crate::print::{method_entry, retry_throttling};
use crate::{
    ConfigError, IgnoredPart, MethodConfig, MethodName, PolicyChoice, PolicyParsers,
    RetryThrottling,
};

/// Configuration that the owner of a service publishes for its clients: the load-balancing policy,
/// and defaults for the service's methods.
///
/// The default is the empty config, `{}`. Two configs are equal if their parsed values are,
/// whatever their JSON looked like. So a resolver that returns the same config again changes
/// nothing.
///
/// Source: [service_config.md](https://github.com/grpc/grpc/blob/master/doc/service_config.md).
#[derive(Clone, Debug, Default)]
pub struct ServiceConfig {
    policy: Option<PolicyChoice>,
    /// The JSON of the policy's configuration.
    policy_json: Value,
    methods: Methods,
    retry_throttling: Option<RetryThrottling>,
    health_check_service: Option<Arc<str>>,
    max_connections_per_subchannel: Option<u32>,
    /// The parts that were ignored while it was parsed.
    ignored: Arc<[IgnoredPart]>,
}

impl PartialEq for ServiceConfig {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy
            && self.methods == other.methods
            && self.retry_throttling == other.retry_throttling
            && self.health_check_service == other.health_check_service
            && self.max_connections_per_subchannel == other.max_connections_per_subchannel
    }
}

impl ServiceConfig {
    /// Parses a service config.
    ///
    /// Chooses and parses the first load-balancing policy of the list that `parsers` knows, and
    /// ignores the policies after it. Ignores unknown fields, so that the grammar can grow. If a
    /// key occurs twice, the last one counts.
    ///
    /// # Errors
    ///
    /// When the text is not a JSON object, is nested deeper than 127 levels, or when a known field
    /// has a bad value: then no part of the config may be used.
    pub fn parse(json: &str, parsers: &dyn PolicyParsers) -> Result<Self, ConfigError> {
        // serde_json limits the depth, so code that walks the value cannot overflow the stack.
        let value: Value = serde_json::from_str(json)
            .map_err(|error| ConfigError::new(format!("not JSON: {error}")))?;
        Self::from_value(&value, parsers)
    }

    /// Parses a service config from a JSON value.
    pub(crate) fn from_value(
        value: &Value,
        parsers: &dyn PolicyParsers,
    ) -> Result<Self, ConfigError> {
        let config = object(value)?;
        let deprecated = optional(config, "loadBalancingPolicy", string)?;
        let (policy, policy_json, skipped) =
            match optional(config, "loadBalancingConfig", |list| {
                PolicyChoice::choose(list, parsers)
            })? {
                Some(chosen) => (Some(chosen.choice), chosen.json.clone(), chosen.skipped),
                None => {
                    let name = deprecated.unwrap_or_default();
                    let choice = PolicyChoice::parse_deprecated(name, parsers)
                        .map_err(|error| error.within("loadBalancingPolicy"))?;
                    (choice, Value::Object(Object::new()), Vec::new())
                }
            };
        Ok(Self {
            policy,
            policy_json,
            ignored: ignored_parts(value, &skipped).into(),
            methods: optional(config, "methodConfig", Methods::read)?.unwrap_or_default(),
            retry_throttling: optional(config, "retryThrottling", RetryThrottling::read)?,
            health_check_service: optional(config, "healthCheckConfig", |value| {
                optional(object(value)?, "serviceName", string)
            })?
            .flatten()
            .map(Arc::from),
            max_connections_per_subchannel: optional(config, "connectionScaling", |value| {
                optional(object(value)?, "maxConnectionsPerSubchannel", uint32)
            })?
            .flatten()
            // In proto3 a number field of 0 is the same as an unset one.
            .filter(|most| *most > 0),
        })
    }

    /// Returns the load-balancing policy; `None` leaves the choice to the channel.
    #[must_use]
    pub fn policy(&self) -> Option<&PolicyChoice> {
        self.policy.as_ref()
    }

    /// Returns the config of the method at `path`, `/package.Service/Method`: the one under its own
    /// name, else the one under its service's name, else the one under the empty name.
    #[must_use]
    pub fn method(&self, path: &str) -> Option<&MethodConfig> {
        self.methods.get(path)
    }

    /// Iterates over the entries of `methodConfig`, in their order: the names of methods, and their
    /// config.
    pub fn methods(&self) -> impl Iterator<Item = (&[MethodName], &MethodConfig)> {
        let entries = self.methods.entries().iter();
        entries.map(|entry| (&entry.names[..], &entry.config))
    }

    /// Returns the parts that have no effect because the grammar or the policies here do not have
    /// them; at most 32. They do not count when configs are compared.
    ///
    /// Fields inside the configuration of a policy are left to that policy.
    #[must_use]
    pub fn ignored(&self) -> &[IgnoredPart] {
        &self.ignored
    }

    /// Returns the config as JSON, without the parts that are [ignored](Self::ignored). Parsed with
    /// the same policies, the text becomes an equal config.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut config = Object::new();
        let mut put = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                config.insert(field.to_owned(), value);
            }
        };
        put(
            "loadBalancingConfig",
            self.policy.as_ref().map(|choice| {
                let name = choice.name.to_string();
                json!([{ name: self.policy_json }])
            }),
        );
        let methods: Vec<Value> = self
            .methods()
            .map(|(names, config)| method_entry(names, config))
            .collect();
        put(
            "methodConfig",
            (!methods.is_empty()).then_some(Value::Array(methods)),
        );
        put(
            "retryThrottling",
            self.retry_throttling.map(retry_throttling),
        );
        let service = self.health_check_service();
        put(
            "healthCheckConfig",
            service.map(|service| json!({ "serviceName": service })),
        );
        let most = self.max_connections_per_subchannel;
        put(
            "connectionScaling",
            most.map(|most| json!({ "maxConnectionsPerSubchannel": most })),
        );
        Value::Object(config).to_string()
    }

    /// Returns when to stop retries and hedging; `None` for never.
    #[must_use]
    pub fn retry_throttling(&self) -> Option<RetryThrottling> {
        self.retry_throttling
    }

    /// Returns the service to ask for in health checks on each connection: empty for the server as
    /// a whole, `None` for no health checks.
    #[must_use]
    pub fn health_check_service(&self) -> Option<&str> {
        self.health_check_service.as_deref()
    }

    /// Returns how many connections to one address may be open when there are more calls than one
    /// connection's limit of concurrent streams; `None` if unset.
    ///
    /// The channel does not act on it yet.
    ///
    /// Source: gRFC A105.
    #[must_use]
    pub fn max_connections_per_subchannel(&self) -> Option<u32> {
        self.max_connections_per_subchannel
    }
}
