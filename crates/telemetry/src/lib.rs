#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a file uses only the files above it.

// What is measured.
mod label;

mod instrument;

pub mod instruments;

// Where measurements go.
mod sink;

pub mod testing;

// What the application chooses.
mod options;

// The series of a channel.
mod recorder;

mod backend_labels;

// Calls, on the data path.
mod grow_only;

mod path_hints;

mod subchannel_labels;

mod method_series;

mod methods;

mod calls;

// Events, on the control path.
mod event_series;

mod disconnects;

mod handshakes;

mod connections;

mod control;

mod metrics;

pub use crate::instrument::{Instrument, InstrumentKind, ValueKind};
pub use crate::label::LabelKey;
pub use crate::metrics::Metrics;
pub use crate::options::{Methods, MetricsOptions, NameFilter};
pub use crate::sink::{MetricsSink, Series, Value};
