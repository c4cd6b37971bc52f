#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod delay;
mod family;
mod interleave;
#[cfg(feature = "io")]
pub mod io;
mod order;
mod race;

pub use crate::delay::AttemptDelay;
pub use crate::family::Family;
pub use crate::interleave::interleave;
pub use crate::order::{
    KeepOrder, RoundTrip, RttHistory, Source, SourceProbe, sort_rfc6724, sort_rfc6724_by,
};
pub use crate::race::{
    Attempt, AttemptId, End, OnFailure, Outcome, Output, Query, Race, RaceOptions, Report, Stage,
};
