#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up, where a module uses only those named before it: rng; backoff.
mod backoff;
mod rng;

pub use crate::backoff::{Backoff, BackoffPolicy};
pub use crate::rng::Rng;
