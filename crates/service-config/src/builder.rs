//! A service config from typed parts.

use serde_json::{Value, json};

use crate::json::Object;
use crate::print::{method_entry, retry_throttling};
use crate::{ConfigError, MethodConfig, MethodName, PolicyParsers, RetryThrottling, ServiceConfig};

/// Builds a [`ServiceConfig`] from typed parts.
///
/// [`build`](Self::build) checks it as [`ServiceConfig::parse`] checks JSON, with the same errors.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use serde_json::json;
/// use trunkline_service_config::{
///     AttemptPolicy, MethodConfig, MethodName, RetryPolicy, RetryThrottling, ServiceConfig,
/// };
/// use trunkline_status::Code;
/// # use std::sync::Arc;
/// # use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};
/// # struct Policies;
/// # impl PolicyParsers for Policies {
/// #     fn parse(
/// #         &self,
/// #         _: &str,
/// #         _: &serde_json::Value,
/// #     ) -> Option<Result<Arc<dyn PolicyConfig>, ConfigError>> {
/// #         Some(Ok(Arc::new(())))
/// #     }
/// # }
///
/// let retry = RetryPolicy::new(3, [Code::Unavailable])
///     .with_initial_backoff(Duration::from_millis(50));
/// let method = MethodConfig::default()
///     .with_timeout(Duration::from_secs(2))
///     .with_attempts(AttemptPolicy::Retry(retry));
/// let config = ServiceConfig::builder()
///     .policy("round_robin", json!({}))
///     .method([MethodName::of_service("shop.Orders")], method)
///     .retry_throttling(RetryThrottling::new(10, 100))
///     .health_check("shop.Orders")
///     .build(&Policies)?;
///
/// let method = config.method("/shop.Orders/Get").expect("a config for the service");
/// assert_eq!(method.timeout, Some(Duration::from_secs(2)));
/// assert_eq!(ServiceConfig::parse(&config.to_json(), &Policies)?, config);
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct ServiceConfigBuilder {
    /// The config as JSON, without the lists.
    fields: Object,
    policies: Vec<Value>,
    methods: Vec<Value>,
}

impl ServiceConfig {
    /// Returns a builder of a config from typed parts. Without any it builds the empty config.
    pub fn builder() -> ServiceConfigBuilder {
        ServiceConfigBuilder::default()
    }
}

impl ServiceConfigBuilder {
    /// Adds a load-balancing policy with its configuration, as JSON. Of several, the first that the
    /// client knows is used. Default: the choice is left to the channel.
    pub fn policy(mut self, name: impl Into<String>, config: Value) -> Self {
        let mut policy = Object::new();
        policy.insert(name.into(), config);
        self.policies.push(Value::Object(policy));
        self
    }

    /// Adds the config of the methods with these names. Each name may be used once in a config.
    pub fn method(
        mut self,
        names: impl IntoIterator<Item = MethodName>,
        config: MethodConfig,
    ) -> Self {
        let names: Vec<MethodName> = names.into_iter().collect();
        self.methods.push(method_entry(&names, &config));
        self
    }

    /// Sets when to stop retries and hedging. Default: never.
    pub fn retry_throttling(mut self, throttling: RetryThrottling) -> Self {
        let value = retry_throttling(throttling);
        self.fields.insert("retryThrottling".to_owned(), value);
        self
    }

    /// Sets the service to ask for in health checks; empty for the server as a whole. Default: no
    /// health checks.
    pub fn health_check(mut self, service: impl Into<String>) -> Self {
        let value = json!({ "serviceName": service.into() });
        self.fields.insert("healthCheckConfig".to_owned(), value);
        self
    }

    /// Sets how many connections to one address may be open. Default: unset; so is 0.
    pub fn max_connections_per_subchannel(mut self, most: u32) -> Self {
        let value = json!({ "maxConnectionsPerSubchannel": most });
        self.fields.insert("connectionScaling".to_owned(), value);
        self
    }

    /// Builds the config. `parsers` parses the configuration of the policy.
    ///
    /// # Errors
    ///
    /// Those of [`ServiceConfig::parse`]: a value is out of its range, a name is used twice, or no
    /// policy is known.
    pub fn build(self, parsers: &dyn PolicyParsers) -> Result<ServiceConfig, ConfigError> {
        let mut fields = self.fields;
        for (field, list) in [
            ("loadBalancingConfig", self.policies),
            ("methodConfig", self.methods),
        ] {
            if !list.is_empty() {
                fields.insert(field.to_owned(), Value::Array(list));
            }
        }
        ServiceConfig::from_value(&Value::Object(fields), parsers)
    }
}
