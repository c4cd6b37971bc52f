//! The policies that a service config can name.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use crate::pick_first::PickFirstFactory;
use crate::policy::PolicyFactory;
use crate::round_robin::RoundRobinFactory;

/// The policies that a service config can name. Each channel has a registry of its own; there is no
/// global one.
///
/// ```
/// use trunkline_lb::PolicyRegistry;
/// use trunkline_service_config::ServiceConfig;
///
/// let json = r#"{"loadBalancingConfig": [{"mine_v2": {}}, {"round_robin": {}}]}"#;
/// let config = ServiceConfig::parse(json, &PolicyRegistry::standard())?;
/// assert_eq!(config.policy().map(|choice| &*choice.name), Some("round_robin"));
/// # Ok::<(), trunkline_service_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PolicyRegistry {
    factories: BTreeMap<String, Arc<dyn PolicyFactory>>,
}

impl PolicyRegistry {
    /// Creates a registry without a policy.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Creates a registry with the policies of this crate: `pick_first` and `round_robin`.
    #[must_use]
    pub fn standard() -> Self {
        Self::empty().with(PickFirstFactory).with(RoundRobinFactory)
    }

    /// Adds a policy, and replaces one of the same name. Names are case-sensitive.
    #[must_use]
    pub fn with(mut self, factory: impl PolicyFactory + 'static) -> Self {
        self.register(Arc::new(factory));
        self
    }

    /// Adds a policy, and replaces one of the same name. Names are case-sensitive.
    pub fn register(&mut self, factory: Arc<dyn PolicyFactory>) {
        self.factories.insert(factory.name().to_owned(), factory);
    }

    /// Adds all factories of `other`, in place of earlier ones of the same name.
    pub fn merge(&mut self, other: Self) {
        self.factories.extend(other.factories);
    }

    /// Returns the factory of the policy with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn PolicyFactory>> {
        self.factories.get(name)
    }

    /// Iterates over the names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.factories.keys().map(String::as_str)
    }
}

impl PolicyParsers for PolicyRegistry {
    fn parse(
        &self,
        name: &str,
        config: &Value,
    ) -> Option<Result<Arc<dyn PolicyConfig>, ConfigError>> {
        Some(self.get(name)?.parse_config(config))
    }
}
