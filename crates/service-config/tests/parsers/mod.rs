//! The policies of these tests.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses only some of the items"
)]

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{boolean, object, optional};
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers, ServiceConfig};

/// Parses `pick_first`, which has one field, and `round_robin`, which has none.
pub struct Parsers;

/// A parsed configuration: the policy's name and the value of its one field.
#[derive(Debug, PartialEq)]
pub struct Config(pub String, pub bool);

impl PolicyParsers for Parsers {
    fn parse(
        &self,
        name: &str,
        config: &Value,
    ) -> Option<Result<Arc<dyn PolicyConfig>, ConfigError>> {
        let shuffle = || match config {
            Value::Null => Ok(None),
            config => optional(object(config)?, "shuffleAddressList", boolean),
        };
        match name {
            "pick_first" => Some(shuffle().map(|shuffle| {
                let config = Config(name.to_owned(), shuffle.unwrap_or_default());
                Arc::new(config) as Arc<dyn PolicyConfig>
            })),
            "round_robin" => Some(Ok(Arc::new(Config(name.to_owned(), false)))),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&str> {
        vec!["pick_first", "round_robin"]
    }
}

pub fn parse(json: &str) -> Result<ServiceConfig, ConfigError> {
    ServiceConfig::parse(json, &Parsers)
}

/// Parses a config that must be good.
pub fn good(json: &str) -> ServiceConfig {
    parse(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// Parses a config that must be bad, and returns the error's text.
pub fn bad(json: &str) -> String {
    match parse(json) {
        Ok(config) => panic!("{json} became {config:?}"),
        Err(error) => error.to_string(),
    }
}
