//! The factory of `least_request`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{expected, object, optional, uint32};
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::config::{LEAST_CHOICES, LeastRequestConfig};
use super::policy::LeastRequest;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};

/// Creates [`LeastRequest`] policies: `least_request_experimental` in a service config.
///
/// Its only field is `choiceCount`, 2 by default. A number below 2 is an error, one above 10 counts
/// as 10.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastRequestFactory;

impl PolicyFactory for LeastRequestFactory {
    fn name(&self) -> &str {
        "least_request_experimental"
    }

    fn parse_config(
        &self,
        config: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let choice_count = match config {
            Value::Null => None,
            config => optional(object(config)?, "choiceCount", choice_count)?,
        };
        let config = LeastRequestConfig::default();
        Ok(Arc::new(match choice_count {
            Some(count) => config.with_choice_count(count),
            None => config,
        }))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(LeastRequest::new(options))
    }
}

fn choice_count(value: &Value) -> Result<u32, ConfigError> {
    let count = uint32(value)?;
    if count < LEAST_CHOICES {
        return Err(expected("an integer of at least 2", value));
    }
    Ok(count)
}
