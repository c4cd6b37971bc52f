#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up, where a module uses only those named before it: error; json, duration;
// policy, retry; method; config; selector. `choice` chooses a config from a TXT record. It uses
// only `error` and `json`.
mod choice;
mod config;
mod duration;
mod error;
pub mod json;
mod method;
mod policy;
mod retry;
mod selector;

pub use crate::choice::{Client, choose, choose_from_txt};
pub use crate::config::ServiceConfig;
pub use crate::duration::parse_duration;
pub use crate::error::ConfigError;
pub use crate::method::MethodConfig;
pub use crate::policy::{PolicyChoice, PolicyConfig, PolicyParsers};
pub use crate::retry::{AttemptPolicy, HedgingPolicy, RetryPolicy, RetryThrottling};
pub use crate::selector::{CallConfig, CallInfo, ConfigSelector};
