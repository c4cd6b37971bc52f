#![cfg_attr(feature = "io", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "io"),
    doc = "Happy Eyeballs without I/O: RFC 6724 order, interleaving, and the race of RFC 8305."
)]
#![forbid(unsafe_code)]

// From the ground up: the decisions, the error of a race without a winner, the sockets.
mod core;

mod error;

#[cfg(feature = "io")]
pub mod io;

pub use crate::core::order::{
    KeepOrder, RoundTrip, RttHistory, SourceAddress, SourceProbe, sort_rfc6724, sort_rfc6724_by,
};
pub use crate::core::race::{
    AddressQuery, AttemptId, AttemptReport, AttemptStage, ConnectOutcome, OnFailure, Race, RaceEnd,
    RaceOptions, RaceOutput, RaceReport,
};
pub use crate::error::{ConnectError, ConnectErrorKind};

/// The types of two fields of [`RaceOptions`].
pub use trunkline_endpoint::{AttemptDelay, Family};
/// The runtimes to connect with: those whose features are on.
#[cfg(feature = "io")]
pub use trunkline_runtime as runtime;
