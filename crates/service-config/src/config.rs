//! The service config as a whole.

use std::sync::Arc;

use serde_json::Value;

use crate::json::{object, optional, string, uint32};
use crate::method::Methods;
use crate::{ConfigError, MethodConfig, PolicyChoice, PolicyParsers, RetryThrottling};

/// What the owner of a service tells its clients: how to balance load, and defaults for its
/// methods.
///
/// The default is the empty config, `{}`. Two are equal if they say the same, whatever their JSON
/// looked like, so that a resolver that repeats itself changes nothing.
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
    /// Reads a service config.
    ///
    /// `parsers` knows the load-balancing policies; the first of the list that it knows is chosen
    /// and parsed, and nothing after it is looked at. Fields that are not known are ignored, as
    /// the grammar wants it to grow. Where a key is there twice, the last one counts.
    ///
    /// # Errors
    ///
    /// When the text is no JSON object, is nested deeper than 127 levels, or when a field that is
    /// known has a bad value: the config is then of no use at all.
    pub fn parse(json: &str, parsers: &dyn PolicyParsers) -> Result<Self, ConfigError> {
        // The reader itself refuses to go deeper, so nothing that walks the value can overflow.
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
            // A plain number of proto3: 0 is the same as unset.
            .filter(|most| *most > 0),
        })
    }

    /// The load-balancing policy; `None` leaves the choice to the channel.
    #[must_use]
    pub fn policy(&self) -> Option<&PolicyChoice> {
        self.policy.as_ref()
    }

    /// What is said of the method at `path`, `/package.Service/Method`: under its own name, else
    /// under its service's, else under the name of everything.
    #[must_use]
    pub fn method(&self, path: &str) -> Option<&MethodConfig> {
        self.methods.get(path)
    }

    /// When to stop repeating calls.
    #[must_use]
    pub fn retry_throttling(&self) -> Option<RetryThrottling> {
        self.retry_throttling
    }

    /// The service whose health is asked for on each connection; empty for the server as a whole,
    /// `None` for no health checks.
    #[must_use]
    pub fn health_check_service(&self) -> Option<&str> {
        self.health_check_service.as_deref()
    }

    /// How many connections one address may get when calls outnumber a connection's streams.
    ///
    /// Source: gRFC A105.
    #[must_use]
    pub fn max_connections_per_subchannel(&self) -> Option<u32> {
        self.max_connections_per_subchannel
    }
}
