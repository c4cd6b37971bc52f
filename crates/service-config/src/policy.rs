//! The part of a service config that belongs to a load-balancing policy.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;

use crate::ConfigError;

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
