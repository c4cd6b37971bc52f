//! The part of a service config that belongs to a load-balancing policy.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;

use crate::ConfigError;
use crate::json::{Object, expected, object};

/// What a policy made of its own part of a service config.
pub trait PolicyConfig: Any + Debug + Send + Sync {
    /// Whether `other` is a configuration of the same policy that says the same.
    fn equals(&self, other: &dyn PolicyConfig) -> bool;
}

impl<C: Any + Debug + PartialEq + Send + Sync> PolicyConfig for C {
    fn equals(&self, other: &dyn PolicyConfig) -> bool {
        (other as &dyn Any)
            .downcast_ref::<C>()
            .is_some_and(|other| self == other)
    }
}

/// Knows the policies by name, so that a service config can be read without knowing any.
pub trait PolicyParsers {
    /// Reads `config` as the configuration of the policy `name`; `None` where there is no such
    /// policy.
    fn parse(
        &self,
        name: &str,
        config: &Value,
    ) -> Option<Result<Arc<dyn PolicyConfig>, ConfigError>>;
}

/// A policy, and its configuration.
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
    /// Chooses from a list of policies as `loadBalancingConfig` and `childPolicy` hold it,
    /// `[{"name": config}, ..]`: the first that `parsers` knows.
    ///
    /// # Errors
    ///
    /// When the list has another shape, when it names no policy that is known, and when the
    /// configuration of the first one that is known cannot be used: the ones after it are for
    /// clients that do not know it, not for those that do not like what it says.
    ///
    /// Source: [gRFC A24](https://github.com/grpc/proposal/blob/master/A24-lb-policy-config.md).
    pub fn parse(list: &Value, parsers: &dyn PolicyParsers) -> Result<Self, ConfigError> {
        let entries = list.as_array().ok_or_else(|| expected("an array", list))?;
        let mut unknown = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let within = |error: ConfigError| error.within(format_args!("[{at}]"));
            let mut fields = object(entry).map_err(within)?.iter();
            let (Some((name, config)), None) = (fields.next(), fields.next()) else {
                return Err(within(ConfigError::new(
                    "expected exactly one field, the policy's name",
                )));
            };
            match parsers.parse(name, config) {
                Some(Ok(config)) => {
                    return Ok(Self {
                        name: name.as_str().into(),
                        config,
                    });
                }
                Some(Err(error)) => return Err(within(error.within(name))),
                None => unknown.push(name.as_str()),
            }
        }
        Err(ConfigError::new(match unknown.as_slice() {
            [] => "expected at least one policy".to_owned(),
            names => format!("no policy of this list is known here: {}", names.join(", ")),
        }))
    }

    /// Reads the deprecated `loadBalancingPolicy`: a policy's name in any case, without a
    /// configuration. The name of the protobuf enum's zero and the empty string are no choice.
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
                "no policy with the name {name:?} is known here"
            ))),
        }
    }
}
