//! The factory of `pick_first`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{boolean, object, optional};
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::config::PickFirstConfig;
use super::state::PickFirst;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};

/// Creates [`PickFirst`] policies.
#[derive(Clone, Copy, Debug, Default)]
pub struct PickFirstFactory;

impl PolicyFactory for PickFirstFactory {
    fn name(&self) -> &str {
        "pick_first"
    }

    fn parse_config(
        &self,
        config: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
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
