//! What creates policies, and the policies that a service config can name.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;
use trunkline_endpoint::AttemptDelay;
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use crate::policy::Policy;

/// What gRPC appends to the name of a policy that is young.
const EXPERIMENTAL: &str = "_experimental";

/// The largest size of a ring unless the channel raises it.
///
/// Source: [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md).
const DEFAULT_RING_SIZE_CAP: u32 = 4096;

/// Creates the policies of one name.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use serde_json::Value;
/// use trunkline_lb::{Policy, PolicyFactory, PolicyOptions, PolicyRegistry, RoundRobinFactory};
/// use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};
///
/// /// round_robin under a name of its own.
/// #[derive(Debug)]
/// struct Fair;
///
/// impl PolicyFactory for Fair {
///     fn name(&self) -> &str {
///         "fair"
///     }
///
///     fn parse_config(
///         &self,
///         config: &Value,
///         policies: &dyn PolicyParsers,
///     ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
///         RoundRobinFactory.parse_config(config, policies)
///     }
///
///     fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
///         RoundRobinFactory.build(options)
///     }
/// }
///
/// let registry = PolicyRegistry::standard().with(Fair);
/// assert!(registry.get("fair").is_some());
/// ```
pub trait PolicyFactory: Debug + Send + Sync {
    /// Returns the name in a service config, such as `round_robin`.
    fn name(&self) -> &str;

    /// Parses the policy's own part of a service config: the value beside its name. A JSON `null`
    /// means an empty configuration, as in protobuf's JSON.
    ///
    /// `policies` are those that the config can name: a policy over other policies parses its
    /// `childPolicy` with them
    /// ([`PolicyChoice::parse`](trunkline_service_config::PolicyChoice::parse)).
    ///
    /// # Errors
    ///
    /// When a field that this policy knows has a bad value. Unknown fields are ignored.
    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError>;

    /// Creates a policy.
    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy>;
}

/// What the channel gives to a new policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyOptions {
    /// The seed of its random choices.
    pub seed: u64,
    /// How long pick_first waits for one address before it also tries the next.
    pub attempt_delay: AttemptDelay,
    /// The largest size of the ring of ring_hash, whatever its configuration asks for.
    pub ring_size_cap: u32,
    /// The policies that its configuration can name, for a policy over other policies.
    pub policies: PolicyRegistry,
    /// The zone of the program, for policies that prefer the endpoints of one
    /// ([`Zone`](trunkline_endpoint::Zone)); `None` if it is not known.
    pub zone: Option<Arc<str>>,
    /// Whether weighted_round_robin reports its weights ([`WeightsUpdate`](crate::WeightsUpdate)): each
    /// report costs as much as an update of the scheduler.
    pub reports_weights: bool,
}

impl PolicyOptions {
    /// Creates options with this seed, the defaults of all others, and no policy that a
    /// configuration can name.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            attempt_delay: AttemptDelay::default(),
            ring_size_cap: DEFAULT_RING_SIZE_CAP,
            policies: PolicyRegistry::empty(),
            zone: None,
            reports_weights: false,
        }
    }

    /// Sets the policies that the configuration of a policy over other policies can name. Default:
    /// none.
    #[must_use]
    pub fn with_policies(mut self, policies: PolicyRegistry) -> Self {
        self.policies = policies;
        self
    }

    /// Sets the zone of the program. Default: not known.
    #[must_use]
    pub fn with_zone(mut self, zone: impl Into<Arc<str>>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Sets whether weighted_round_robin reports its weights. Default: false.
    #[must_use]
    pub fn with_weight_reports(mut self, reports: bool) -> Self {
        self.reports_weights = reports;
        self
    }

    /// Sets the largest size of the ring of ring_hash; 0 counts as 1. Default: 4096.
    ///
    /// An entry takes 12 bytes. A larger ring spreads calls more evenly over many endpoints.
    #[must_use]
    pub fn with_ring_size_cap(mut self, cap: u32) -> Self {
        self.ring_size_cap = cap.max(1);
        self
    }

    /// Sets how long pick_first waits for one address before it also tries the next. Default: 250
    /// ms.
    #[must_use]
    pub fn with_attempt_delay(mut self, delay: AttemptDelay) -> Self {
        self.attempt_delay = delay;
        self
    }
}

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
    /// Shared, because each policy over other policies keeps a registry. `None` while there is none.
    factories: Option<Arc<Factories>>,
}

type Factories = BTreeMap<String, Arc<dyn PolicyFactory>>;

impl PolicyRegistry {
    /// Creates a registry without a policy.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Returns true without a policy.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.factories.is_none()
    }

    /// Adds a policy, and replaces one of the same name. Names are case-sensitive.
    #[must_use]
    pub fn with(mut self, factory: impl PolicyFactory + 'static) -> Self {
        self.register(Arc::new(factory));
        self
    }

    /// Adds a policy, and replaces one of the same name. Names are case-sensitive.
    pub fn register(&mut self, factory: Arc<dyn PolicyFactory>) {
        let name = factory.name().to_owned();
        Arc::make_mut(self.factories.get_or_insert_default()).insert(name, factory);
    }

    /// Adds all factories of `other`, in place of earlier ones of the same name.
    pub fn merge(&mut self, other: Self) {
        // Without others, what is shared stays shared.
        let Some(others) = other.factories else {
            return;
        };
        let added = others.iter();
        let added = added.map(|(name, factory)| (name.clone(), Arc::clone(factory)));
        Arc::make_mut(self.factories.get_or_insert_default()).extend(added);
    }

    /// Returns the factory of the policy with this name.
    ///
    /// gRPC ends the names of young policies with `_experimental`. Where no policy has exactly this
    /// name, `least_request` finds `least_request_experimental`. The reverse is not true: a name
    /// with the suffix finds only a policy whose name has it too.
    ///
    /// ```
    /// use trunkline_lb::PolicyRegistry;
    ///
    /// let registry = PolicyRegistry::standard();
    /// let factory = registry.get("pick_first").expect("a policy of this crate");
    /// assert_eq!(factory.name(), "pick_first");
    /// assert!(registry.get("pick_first_experimental").is_none());
    /// ```
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn PolicyFactory>> {
        let factories = self.factories.as_ref()?;
        let exact = factories.get(name);
        exact.or_else(|| factories.get(&format!("{name}{EXPERIMENTAL}")))
    }

    /// Iterates over the names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.factories.iter().flat_map(|factories| factories.keys());
        names.map(String::as_str)
    }
}

impl PolicyParsers for PolicyRegistry {
    fn parse(
        &self,
        name: &str,
        config: &Value,
    ) -> Option<Result<Arc<dyn PolicyConfig>, ConfigError>> {
        Some(self.get(name)?.parse_config(config, self))
    }

    fn names(&self) -> Vec<&str> {
        Self::names(self).collect()
    }
}
