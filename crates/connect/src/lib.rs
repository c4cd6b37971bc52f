#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod delay;
mod family;
mod interleave;
#[cfg(feature = "io")]
pub mod io;
mod order;

pub use crate::delay::AttemptDelay;
pub use crate::family::Family;
pub use crate::interleave::interleave;
pub use crate::order::{Source, SourceProbe, sort_rfc6724, sort_rfc6724_by};
