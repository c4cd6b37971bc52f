#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a file uses only the files above it.

// The name and version under which everything is recorded.
mod scope;

pub mod propagation;

// The spans of calls.
mod trace;

// The measurements.
mod sink;

// Both of one channel.
mod joined;

mod open_telemetry;

pub use crate::open_telemetry::OpenTelemetry;
pub use crate::sink::OpenTelemetrySink;
