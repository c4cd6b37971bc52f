//! The configuration of `pick_first`, and its factory.

use std::any::Any;
use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{boolean, object, optional};
use trunkline_service_config::{ConfigError, PolicyConfig};

use super::PickFirst;
use crate::{Policy, PolicyFactory, PolicyOptions, Update};

/// What `pick_first` can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PickFirstConfig {
    /// Whether the endpoints are put into a random order, heavier ones rather first, on each
    /// update; the addresses within an endpoint never are. No by default.
    pub shuffle_address_list: bool,
}

impl PickFirstConfig {
    /// A configuration that says whether to shuffle.
    #[must_use]
    pub fn new(shuffle_address_list: bool) -> Self {
        Self {
            shuffle_address_list,
        }
    }

    /// The configuration of an update; the default where it is another policy's.
    pub(super) fn of(update: &Update) -> Self {
        let config: &dyn Any = &*update.config;
        config.downcast_ref().copied().unwrap_or_default()
    }
}

/// Makes [`PickFirst`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PickFirstFactory;

impl PolicyFactory for PickFirstFactory {
    fn name(&self) -> &str {
        "pick_first"
    }

    fn parse_config(&self, config: &Value) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let shuffle = match config {
            Value::Null => None,
            config => optional(object(config)?, "shuffleAddressList", boolean)?,
        };
        Ok(Arc::new(PickFirstConfig::new(shuffle.unwrap_or_default())))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(PickFirst::new(options))
    }
}
