#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// The modules from the ground up: a file uses those above it, never those below.

mod place;

mod error;
pub mod json;

// The parts of a config.
mod duration;
mod ignored;
mod policy;
mod retry;

mod method;
mod print;

// A whole config.
mod config;

mod builder;
mod selector;

// The choice of a config in a TXT record.
mod choice;

pub use crate::builder::ServiceConfigBuilder;
pub use crate::choice::{Client, choose, choose_from_txt};
pub use crate::config::ServiceConfig;
pub use crate::duration::parse_duration;
pub use crate::error::ConfigError;
pub use crate::ignored::{IgnoredPart, IgnoredReason};
pub use crate::method::{MethodConfig, MethodName};
pub use crate::policy::{PolicyChoice, PolicyConfig, PolicyParsers};
pub use crate::retry::{AttemptPolicy, HedgingPolicy, RetryPolicy, RetryThrottling};
pub use crate::selector::{CallConfig, CallInfo, ConfigSelector, InjectedFault};
