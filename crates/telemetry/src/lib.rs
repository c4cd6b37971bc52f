#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a file uses only the files above it.

mod label;

mod instrument;

pub mod instruments;

mod sink;

pub mod testing;

pub use crate::instrument::{Instrument, InstrumentKind, ValueKind};
pub use crate::label::LabelKey;
pub use crate::sink::{MetricsSink, Series, Value};
