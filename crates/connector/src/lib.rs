#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: what is known of a stream, the trait, the default connector.
mod info;

mod connector;

mod direct;

pub use crate::connector::{Connected, Connector};
pub use crate::direct::DirectConnector;
pub use crate::info::{ConnectionInfo, SecurityLevel};
