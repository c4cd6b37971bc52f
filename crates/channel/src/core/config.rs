//! Which service config is in force.

use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::{Endpoint, PriorityGroup};
use trunkline_lb::{PolicyRegistry, PriorityGroupsConfig, PriorityGroupsFactory};
use trunkline_resolver::{ResolveError, ResolveErrorKind, ServiceConfigSource};
use trunkline_service_config::{
    AttemptPolicy, IgnoredPart, IgnoredReason, PolicyChoice, ServiceConfig,
};

/// The policy that makes no health checks on its own (gRFC A17).
const PICK_FIRST: &str = "pick_first";

/// The most ignored parts of one config that are reported.
const MOST_IGNORED: usize = 64;

/// Chooses between the service config of the resolver and the channel's default.
///
/// Source: [gRFC A21](https://github.com/grpc/proposal/blob/master/A21-service-config-error-handling.md).
#[derive(Debug)]
pub(crate) struct ConfigInForce {
    policies: PolicyRegistry,
    default: Arc<ServiceConfig>,
    default_policy: DefaultPolicy,
    /// True when the configs of resolvers that route no calls are ignored.
    is_disabled: bool,
    health_checks: HealthChecks,
    /// True when the application has turned off retries and hedging.
    disable_retries: bool,
    /// The application's limit of the connections of a subchannel.
    connections_limit: u32,
    current: Arc<ServiceConfig>,
    /// True once a resolution has chosen `current`: by a valid config, or by having none, which
    /// chooses the default. An invalid config after that changes nothing.
    is_chosen: bool,
    /// The JSON that `current` was parsed from.
    json: Option<Arc<str>>,
    /// Where `current` comes from.
    origin: ServiceConfigOrigin,
    /// Where the resolver found `current`, as text.
    place: Option<Arc<str>>,
    /// Why the config of the last resolution is not used, and since when; `None` if it is used.
    rejected: Option<(ResolveError, Instant)>,
}

/// Where a service config comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ServiceConfigOrigin {
    /// The channel: that of
    /// [`default_service_config`](crate::ChannelBuilder::default_service_config), or else an empty one.
    /// In JSON: `default`.
    Default,
    /// The resolver. In JSON: `resolver`.
    Resolver,
}

/// What an inspection of the channel shows of the config in force.
#[derive(Debug)]
pub(crate) struct ConfigFacts {
    pub(crate) config: Arc<ServiceConfig>,
    pub(crate) origin: ServiceConfigOrigin,
    pub(crate) place: Option<Arc<str>>,
    pub(crate) rejected: Option<(ResolveError, Instant)>,
}

impl ConfigFacts {
    /// Returns those of a channel that has not resolved its name yet.
    pub(crate) fn from_default(config: Arc<ServiceConfig>) -> Self {
        Self {
            config,
            origin: ServiceConfigOrigin::Default,
            place: None,
            rejected: None,
        }
    }
}

/// The policy that is used where the service config names none.
#[derive(Clone, Debug)]
pub(crate) struct DefaultPolicy {
    /// For endpoints without a priority.
    pub(crate) plain: PolicyChoice,
    /// For the endpoints of one priority.
    pub(crate) in_group: PolicyChoice,
}

/// The health checks that the application wants.
#[derive(Clone, Debug)]
pub(crate) enum HealthChecks {
    /// None, whatever the service config asks for.
    Off,
    /// Those of the service that the service config names, or else of this one, if there is one.
    On { default: Option<Arc<str>> },
}

impl Default for HealthChecks {
    fn default() -> Self {
        Self::On { default: None }
    }
}

/// The effect of one resolution on the config in force.
#[derive(Debug)]
pub(crate) enum ConfigOutcome {
    /// The resolution's config is in force.
    InForce { changed: bool },
    /// The resolution's config is invalid; the config of an earlier resolution stays in force.
    KeptOld(ResolveError),
    /// The resolution's config is invalid, and no earlier resolution chose one.
    NoConfig(ResolveError),
}

impl ConfigInForce {
    pub(crate) fn new(
        policies: PolicyRegistry,
        default: Arc<ServiceConfig>,
        default_policy: DefaultPolicy,
        is_disabled: bool,
        health_checks: HealthChecks,
        disable_retries: bool,
        connections_limit: u32,
    ) -> Self {
        let current = Arc::clone(&default);
        Self {
            policies,
            default,
            default_policy,
            is_disabled,
            health_checks,
            disable_retries,
            connections_limit,
            current,
            is_chosen: false,
            json: None,
            origin: ServiceConfigOrigin::Default,
            place: None,
            rejected: None,
        }
    }

    /// Returns what an inspection of the channel shows of the config in force.
    pub(crate) fn facts(&self) -> ConfigFacts {
        ConfigFacts {
            config: Arc::clone(&self.current),
            origin: self.origin,
            place: self.place.clone(),
            rejected: self.rejected.clone(),
        }
    }

    pub(crate) fn current(&self) -> &Arc<ServiceConfig> {
        &self.current
    }

    /// Returns the policy in force for these endpoints. Where they have priorities, it runs in each
    /// group of the same priority, and the first group that works gets the calls.
    pub(crate) fn policy(&self, endpoints: &[Endpoint]) -> PolicyChoice {
        let chosen = self.chosen_policy(endpoints).clone();
        if !have_groups(endpoints) || *chosen.name == *PriorityGroupsFactory::NAME {
            return chosen;
        }
        PolicyChoice {
            name: PriorityGroupsFactory::NAME.into(),
            config: Arc::new(PriorityGroupsConfig::new(chosen)),
        }
    }

    /// Returns the policy for endpoints of the same priority.
    fn chosen_policy(&self, endpoints: &[Endpoint]) -> &PolicyChoice {
        let DefaultPolicy { plain, in_group } = &self.default_policy;
        let default = if have_groups(endpoints) {
            in_group
        } else {
            plain
        };
        self.current.policy().unwrap_or(default)
    }

    /// Returns the service whose health decides whether a connected backend gets calls; `None` for
    /// no health checks.
    pub(crate) fn health_check(&self) -> Option<Arc<str>> {
        let HealthChecks::On { default } = &self.health_checks else {
            return None;
        };
        let named = self.current.health_check_service().map(Arc::from);
        named.or_else(|| default.clone())
    }

    /// Returns the most connections that a subchannel opens: 1 if the config sets no number, and at most
    /// the channel's own limit.
    ///
    /// Source: gRFC A105.
    pub(crate) fn max_connections(&self) -> usize {
        self.permitted_connections(self.current.max_connections_per_subchannel().unwrap_or(1))
    }

    /// Returns how many connections a subchannel opens where `wanted` are asked for.
    pub(crate) fn permitted_connections(&self, wanted: u32) -> usize {
        wanted.min(self.connections_limit).max(1) as usize
    }

    /// Returns the parts of the config in force that have no effect in this channel with these
    /// endpoints.
    pub(crate) fn ignored(&self, endpoints: &[Endpoint]) -> Vec<IgnoredPart> {
        let mut parts = self.current.ignored().to_vec();
        let mut add = |pointer: String, reason| parts.push(IgnoredPart::new(pointer, reason));
        if self.disable_retries {
            for (at, (_, method)) in self.current.methods().enumerate() {
                let field = match method.attempts {
                    None => continue,
                    Some(AttemptPolicy::Retry(_)) => "retryPolicy",
                    Some(AttemptPolicy::Hedging(_)) => "hedgingPolicy",
                };
                let pointer = format!("/methodConfig/{at}/{field}");
                add(pointer, IgnoredReason::TurnedOff);
            }
        }
        if self.current.health_check_service().is_some() {
            let policy = &self.chosen_policy(endpoints).name;
            let reason = match &self.health_checks {
                HealthChecks::Off => Some(IgnoredReason::TurnedOff),
                HealthChecks::On { .. } if **policy == *PICK_FIRST => {
                    Some(IgnoredReason::UnusedByPolicy(policy.to_string()))
                }
                HealthChecks::On { .. } => None,
            };
            if let Some(reason) = reason {
                add("/healthCheckConfig".to_owned(), reason);
            }
        }
        parts.truncate(MOST_IGNORED);
        parts
    }

    /// Forgets the resolver's config: the default is in force until the next resolution.
    pub(crate) fn reset(&mut self) {
        self.current = Arc::clone(&self.default);
        self.is_chosen = false;
        self.json = None;
        self.origin = ServiceConfigOrigin::Default;
        self.place = None;
        self.rejected = None;
    }

    /// Applies the service config of one resolution, which the resolver found at `place`.
    ///
    /// Where the resolver routes calls, its config has the policies that its routes need. Such a config
    /// is never ignored, because no call would find its backends.
    pub(crate) fn apply(
        &mut self,
        source: &ServiceConfigSource,
        place: Option<&Arc<str>>,
        routes_calls: bool,
        now: Instant,
    ) -> ConfigOutcome {
        let default = || {
            Ok((
                Arc::clone(&self.default),
                None,
                ServiceConfigOrigin::Default,
            ))
        };
        let result = match source {
            _ if self.is_disabled && !routes_calls => default(),
            ServiceConfigSource::Json(json) if self.json.as_ref() == Some(json) => {
                self.place = place.cloned();
                self.rejected = None;
                return ConfigOutcome::InForce { changed: false };
            }
            ServiceConfigSource::Json(json) => ServiceConfig::parse(json, &self.policies)
                .map(|config| {
                    let (config, json) = (Arc::new(config), Some(Arc::clone(json)));
                    (config, json, ServiceConfigOrigin::Resolver)
                })
                .map_err(|error| {
                    let text = format!("the resolver's service config is invalid: {error}");
                    ResolveError::new(ResolveErrorKind::Unavailable, text)
                }),
            ServiceConfigSource::Parsed(config) => {
                Ok((Arc::clone(config), None, ServiceConfigOrigin::Resolver))
            }
            ServiceConfigSource::Invalid(error) => Err(error.clone()),
            _ => default(),
        };
        match result {
            Ok((config, json, origin)) => {
                let changed = !self.is_chosen || *config != *self.current;
                if changed {
                    self.current = config;
                }
                self.json = json;
                self.is_chosen = true;
                self.origin = origin;
                let is_found = origin == ServiceConfigOrigin::Resolver;
                self.place = place.filter(|_| is_found).cloned();
                self.rejected = None;
                ConfigOutcome::InForce { changed }
            }
            Err(error) => {
                self.rejected = Some((error.clone(), now));
                if self.is_chosen {
                    ConfigOutcome::KeptOld(error)
                } else {
                    ConfigOutcome::NoConfig(error)
                }
            }
        }
    }
}

/// Returns whether the resolver has given a priority to one of the endpoints.
fn have_groups(endpoints: &[Endpoint]) -> bool {
    let mut endpoints = endpoints.iter();
    endpoints.any(|endpoint| endpoint.attributes().get::<PriorityGroup>().is_some())
}
