#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod policy;

pub use crate::error::ConfigError;
pub use crate::policy::{PolicyChoice, PolicyConfig, PolicyParsers};
