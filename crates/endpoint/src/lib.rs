#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
mod attributes;
mod endpoint;

pub use crate::address::{Address, Location};
pub use crate::attributes::{AttributeKey, Attributes};
pub use crate::endpoint::Endpoint;
