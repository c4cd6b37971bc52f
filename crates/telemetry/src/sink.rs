//! Where measurements go.

use std::fmt::Debug;
use std::sync::Arc;

use crate::instrument::Instrument;
use crate::label::LabelKey;

/// A library of metrics: receives the measurements of channels.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use trunkline_telemetry::{Instrument, LabelKey, MetricsSink, Series, Value};
///
/// /// Prints each measurement.
/// #[derive(Debug)]
/// struct Printer;
///
/// /// One line of output, without its value.
/// #[derive(Debug)]
/// struct Line(String);
///
/// impl MetricsSink for Printer {
///     fn series(
///         &self,
///         instrument: &'static Instrument,
///         labels: &[(LabelKey, &str)],
///     ) -> Arc<dyn Series> {
///         let labels: Vec<_> = labels.iter().map(|(key, text)| format!("{key}={text}")).collect();
///         Arc::new(Line(format!("{} {}", instrument.name, labels.join(" "))))
///     }
/// }
///
/// impl Series for Line {
///     fn record(&self, value: Value) {
///         println!("{}: {}", self.0, value.as_f64());
///     }
/// }
/// ```
pub trait MetricsSink: Debug + Send + Sync {
    /// Returns the series of an instrument with these labels, each with its value. A later call
    /// with the same instrument and the same labels returns a handle of the same series.
    ///
    /// The labels are those of [`Instrument::labels`], then the optional labels that are turned on,
    /// both in the order of the instrument. Values may be empty.
    ///
    /// Called once for each series of a channel, when its first value is to be recorded. It may
    /// allocate and take locks.
    fn series(
        &self,
        instrument: &'static Instrument,
        labels: &[(LabelKey, &str)],
    ) -> Arc<dyn Series>;
}

/// One series of an instrument: its labels have values.
pub trait Series: Debug + Send + Sync {
    /// Records a value, of the kind that [`Instrument::value`] gives: adds it to a counter, sets a
    /// gauge to it, or adds it to a histogram.
    ///
    /// Called by the tasks of calls, many at a time: it must not block, and should not allocate.
    fn record(&self, value: Value);
}

/// A value that is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A number of things or bytes. Negative only for an up-down counter.
    Integer(i64),
    /// Seconds, or a weight.
    Float(f64),
}

impl Value {
    /// Returns the value as an unsigned integer: 0 for a negative one, and without the fraction.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        match self {
            Self::Integer(value) => value.try_into().unwrap_or(0),
            Self::Float(value) => value as u64,
        }
    }

    /// Returns the value as an integer, without the fraction.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        match self {
            Self::Integer(value) => value,
            Self::Float(value) => value as i64,
        }
    }

    /// Returns the value as a floating-point number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl From<u64> for Value {
    /// Converts a number of things or bytes; more than `i64::MAX` are `i64::MAX`.
    fn from(value: u64) -> Self {
        Self::Integer(value.try_into().unwrap_or(i64::MAX))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl<T: MetricsSink + ?Sized> MetricsSink for Arc<T> {
    fn series(
        &self,
        instrument: &'static Instrument,
        labels: &[(LabelKey, &str)],
    ) -> Arc<dyn Series> {
        (**self).series(instrument, labels)
    }
}
