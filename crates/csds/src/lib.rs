#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.
mod methods;

mod csds;

pub use crate::csds::Csds;
