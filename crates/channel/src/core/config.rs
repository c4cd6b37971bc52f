//! Which service config is in force.

use std::sync::Arc;

use trunkline_lb::PolicyRegistry;
use trunkline_resolver::{ResolveError, ResolveErrorKind, ServiceConfigSource};
use trunkline_service_config::{PolicyChoice, ServiceConfig};

/// Chooses between the service config of the resolver and the channel's default.
///
/// Source: [gRFC A21](https://github.com/grpc/proposal/blob/master/A21-service-config-error-handling.md).
#[derive(Debug)]
pub(crate) struct Configs {
    policies: PolicyRegistry,
    default: Arc<ServiceConfig>,
    default_policy: PolicyChoice,
    /// Whether the resolver's are ignored.
    is_disabled: bool,
    current: Arc<ServiceConfig>,
    /// Whether a resolution brought a usable config, or said that there is none.
    has_any: bool,
    /// What `current` was read from.
    json: Option<Arc<str>>,
}

/// What became of a service config.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It is in force.
    Config { changed: bool },
    /// It is bad, and the one before it stays in force.
    Kept(ResolveError),
    /// It is bad, and there is none before it.
    Nothing(ResolveError),
}

impl Configs {
    pub(crate) fn new(
        policies: PolicyRegistry,
        default: Arc<ServiceConfig>,
        default_policy: PolicyChoice,
        is_disabled: bool,
    ) -> Self {
        let current = Arc::clone(&default);
        Self {
            policies,
            default,
            default_policy,
            is_disabled,
            current,
            has_any: false,
            json: None,
        }
    }

    pub(crate) fn current(&self) -> Arc<ServiceConfig> {
        Arc::clone(&self.current)
    }

    /// The policy that is in force.
    pub(crate) fn policy(&self) -> PolicyChoice {
        self.current
            .policy()
            .unwrap_or(&self.default_policy)
            .clone()
    }

    pub(crate) fn take(&mut self, source: &ServiceConfigSource) -> Taken {
        let result = match source {
            _ if self.is_disabled => Ok((Arc::clone(&self.default), None)),
            ServiceConfigSource::Json(json) if self.json.as_ref() == Some(json) => {
                return Taken::Config { changed: false };
            }
            ServiceConfigSource::Json(json) => ServiceConfig::parse(json, &self.policies)
                .map(|config| (Arc::new(config), Some(Arc::clone(json))))
                .map_err(|error| {
                    let text = format!("the resolver's service config is invalid: {error}");
                    ResolveError::new(ResolveErrorKind::Unavailable, text)
                }),
            ServiceConfigSource::Invalid(error) => Err(error.clone()),
            _ => Ok((Arc::clone(&self.default), None)),
        };
        match result {
            Ok((config, json)) => {
                let changed = !self.has_any || *config != *self.current;
                if changed {
                    self.current = config;
                }
                self.json = json;
                self.has_any = true;
                Taken::Config { changed }
            }
            Err(error) if self.has_any => Taken::Kept(error),
            Err(error) => Taken::Nothing(error),
        }
    }
}
