//! The part of a service config that belongs to a load-balancing policy.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;

use crate::ConfigError;
use crate::json::{Object, expected, object};

/// A policy's own part of a service config, parsed by that policy.
///
/// Every type that can be compared has this trait.
///
/// # Examples
///
/// ```
/// use std::any::Any;
/// use std::sync::Arc;
/// use trunkline_service_config::PolicyConfig;
///
/// #[derive(Debug, PartialEq)]
/// struct Limit(u32);
///
/// let config: Arc<dyn PolicyConfig> = Arc::new(Limit(100));
/// assert!(config.equals(&Limit(100)));
///
/// // The policy gets its own type back.
/// let config: &dyn Any = &*config;
/// assert_eq!(config.downcast_ref::<Limit>(), Some(&Limit(100)));
/// ```
pub trait PolicyConfig: Any + Debug + Send + Sync {
    /// Returns whether `other` is an equal configuration of the same policy.
    fn equals(&self, other: &dyn PolicyConfig) -> bool;
}

impl<C: Any + Debug + PartialEq + Send + Sync> PolicyConfig for C {
    fn equals(&self, other: &dyn PolicyConfig) -> bool {
        (other as &dyn Any)
            .downcast_ref::<C>()
            .is_some_and(|other| self == other)
    }
}

/// Parsers of policies' configurations by the policy's name, so that the service config itself need
/// not know any policy.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use serde_json::Value;
/// use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers, ServiceConfig};
///
/// /// Knows round_robin, which has no configuration.
/// struct RoundRobinOnly;
///
/// impl PolicyParsers for RoundRobinOnly {
///     fn parse(&self, name: &str, _: &Value) -> Option<Result<Arc<dyn PolicyConfig>, ConfigError>> {
///         (name == "round_robin").then(|| Ok(Arc::new(()) as Arc<dyn PolicyConfig>))
///     }
/// }
///
/// let json = r#"{"loadBalancingConfig": [{"mine_v2": {}}, {"round_robin": {}}]}"#;
/// let config = ServiceConfig::parse(json, &RoundRobinOnly)?;
/// assert_eq!(config.policy().map(|choice| &*choice.name), Some("round_robin"));
/// # Ok::<(), ConfigError>(())
/// ```
pub trait PolicyParsers {
    /// Parses `config` as the configuration of the policy `name`; `None` if that policy is unknown.
    fn parse(
        &self,
        name: &str,
        config: &Value,
    ) -> Option<Result<Arc<dyn PolicyConfig>, ConfigError>>;

    /// Returns the names of the policies that are known, for the texts of errors. The default returns
    /// none, and the texts leave them out.
    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// A policy that was chosen from a list.
pub(crate) struct Chosen<'a> {
    pub(crate) choice: PolicyChoice,
    /// The JSON of its configuration.
    pub(crate) json: &'a Value,
    /// The names of the unknown policies before it, in order.
    pub(crate) skipped: Vec<&'a str>,
}

/// A chosen policy and its configuration.
#[derive(Clone, Debug)]
pub struct PolicyChoice {
    /// The policy's name.
    pub name: Arc<str>,
    /// Its configuration.
    pub config: Arc<dyn PolicyConfig>,
}

impl PartialEq for PolicyChoice {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.config.equals(&*other.config)
    }
}

impl PolicyChoice {
    /// Chooses the first policy that `parsers` knows from a list such as `loadBalancingConfig` or
    /// `childPolicy`: `[{"name": config}, ..]`.
    ///
    /// # Errors
    ///
    /// When the list has another shape, when it contains no known policy, and when the
    /// configuration of the first known policy is bad. The policies after it are for clients that
    /// do not know it: they are no fallback for a bad configuration.
    ///
    /// Source: [gRFC A24](https://github.com/grpc/proposal/blob/master/A24-lb-policy-config.md).
    pub fn parse(list: &Value, parsers: &dyn PolicyParsers) -> Result<Self, ConfigError> {
        Self::choose(list, parsers).map(|chosen| chosen.choice)
    }

    /// Chooses as [`parse`](Self::parse) does, and returns what is known of the list too.
    pub(crate) fn choose<'a>(
        list: &'a Value,
        parsers: &dyn PolicyParsers,
    ) -> Result<Chosen<'a>, ConfigError> {
        let entries = list.as_array().ok_or_else(|| expected("an array", list))?;
        let mut unknown = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let within = |error: ConfigError| error.within_item(at);
            let mut fields = object(entry).map_err(within)?.iter();
            let (Some((name, config)), None) = (fields.next(), fields.next()) else {
                return Err(within(ConfigError::new(
                    "expected exactly one field, the policy's name",
                )));
            };
            match parsers.parse(name, config) {
                Some(Ok(parsed)) => {
                    let choice = Self {
                        name: name.as_str().into(),
                        config: parsed,
                    };
                    return Ok(Chosen {
                        choice,
                        json: config,
                        skipped: unknown,
                    });
                }
                Some(Err(error)) => return Err(within(error.within(name.as_str()))),
                None => unknown.push(name.as_str()),
            }
        }
        Err(ConfigError::new(match unknown.as_slice() {
            [] => "expected at least one policy".to_owned(),
            names => format!(
                "no policy of this list is known here: {}{}",
                names.join(", "),
                known(parsers)
            ),
        }))
    }

    /// Parses the deprecated `loadBalancingPolicy`: a policy's name in upper or lower case, without
    /// a configuration. `None` for the empty string and for `UNSPECIFIED`, the zero of the protobuf
    /// enum.
    pub(crate) fn parse_deprecated(
        name: &str,
        parsers: &dyn PolicyParsers,
    ) -> Result<Option<Self>, ConfigError> {
        let lower = name.to_ascii_lowercase();
        if lower.is_empty() || lower == "unspecified" {
            return Ok(None);
        }
        match parsers.parse(&lower, &Value::Object(Object::new())) {
            Some(config) => Ok(Some(Self {
                config: config?,
                name: lower.into(),
            })),
            None => Err(ConfigError::new(format!(
                "no policy with the name {name:?} is known here{}",
                known(parsers)
            ))),
        }
    }
}

/// Returns the end of a text about an unknown policy: the names of those that are known.
fn known(parsers: &dyn PolicyParsers) -> String {
    match parsers.names().as_slice() {
        [] => String::new(),
        names => format!("; known are: {}", names.join(", ")),
    }
}
