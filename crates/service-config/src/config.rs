//! A whole service config.

use std::sync::Arc;

use serde_json::Value;

use crate::json::{object, optional, string, uint32};
use crate::method::Methods;
use crate::{ConfigError, MethodConfig, PolicyChoice, PolicyParsers, RetryThrottling};

/// Configuration that the owner of a service publishes for its clients: the load-balancing policy,
/// and defaults for the service's methods.
///
/// The default is the empty config, `{}`. Two configs are equal if their parsed values are,
/// whatever their JSON looked like. So a resolver that returns the same config again changes
/// nothing.
///
/// Source: [service_config.md](https://github.com/grpc/grpc/blob/master/doc/service_config.md).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceConfig {
    policy: Option<PolicyChoice>,
    methods: Methods,
    retry_throttling: Option<RetryThrottling>,
    health_check_service: Option<Arc<str>>,
    max_connections_per_subchannel: Option<u32>,
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
        let config = object(&value)?;
        let deprecated = optional(config, "loadBalancingPolicy", string)?;
        let policy = match optional(config, "loadBalancingConfig", |list| {
            PolicyChoice::parse(list, parsers)
        })? {
            Some(choice) => Some(choice),
            None => PolicyChoice::parse_deprecated(deprecated.unwrap_or_default(), parsers)
                .map_err(|error| error.within("loadBalancingPolicy"))?,
        };
        Ok(Self {
            policy,
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

    /// Returns when to stop retries and hedging; `None` for never.
    #[must_use]
    pub fn retry_throttling(&self) -> Option<RetryThrottling> {
        self.retry_throttling
    }

    /// Returns the service to ask for in health checks on each connection: empty for the server as
    /// a whole, `None` for no health checks.
    ///
    /// The channel does not act on it yet.
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
