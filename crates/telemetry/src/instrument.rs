//! The description of an instrument.

use crate::label::LabelKey;

/// An instrument: what is measured, in which unit, and with which labels.
///
/// Instruments are statics; [`instruments`](crate::instruments) has all that a channel measures.
///
/// # Examples
///
/// An instrument of your own, for a sink that is shared with other code:
///
/// ```
/// use trunkline_telemetry::{Instrument, InstrumentKind, LabelKey, ValueKind};
///
/// static CACHE_HITS: Instrument =
///     Instrument::new("orders.cache.hits", InstrumentKind::Counter, ValueKind::Integer)
///         .with_unit("{hit}")
///         .with_description("Number of orders that were in the cache.")
///         .with_labels(&[LabelKey::TARGET]);
/// assert_eq!(CACHE_HITS.labels, [LabelKey::TARGET]);
/// ```
///
/// Source: [gRFC A79](https://github.com/grpc/proposal/blob/master/A79-non-per-call-metrics-architecture.md).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Instrument {
    /// The name, such as `grpc.client.attempt.duration`.
    pub name: &'static str,
    /// How values are combined.
    pub kind: InstrumentKind,
    /// The kind of number that is recorded.
    pub value: ValueKind,
    /// The unit, as in the [Unified Code for Units of Measure](https://ucum.org): `s`, `By`,
    /// `{attempt}`.
    pub unit: &'static str,
    /// One sentence on what is measured.
    pub description: &'static str,
    /// The labels that every series has, in the order in which a sink gets them.
    pub labels: &'static [LabelKey],
    /// The labels that a series has where the application asked for them. They follow the others.
    pub optional_labels: &'static [LabelKey],
    /// True when the instrument is recorded unless the application turns it off.
    pub is_default: bool,
    /// The upper bounds of the buckets of a histogram, in the unit, ascending and inclusive; empty
    /// to leave them to the sink.
    pub buckets: &'static [f64],
    /// The document that defines the instrument, such as `gRFC A66`; empty for Trunkline's own.
    pub source: &'static str,
}

/// How the values of an instrument are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstrumentKind {
    /// A sum of values of which none is negative.
    Counter,
    /// A sum of values that may be negative.
    UpDownCounter,
    /// The last value.
    Gauge,
    /// The distribution of the values over [buckets](Instrument::buckets).
    Histogram,
}

/// The kind of number that an instrument records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueKind {
    /// [`Value::Integer`](crate::Value::Integer).
    Integer,
    /// [`Value::Float`](crate::Value::Float).
    Float,
}

impl Instrument {
    /// Returns an instrument without unit, description, labels and buckets. It is not recorded by
    /// default.
    #[must_use]
    pub const fn new(name: &'static str, kind: InstrumentKind, value: ValueKind) -> Self {
        Self {
            name,
            kind,
            value,
            unit: "",
            description: "",
            labels: &[],
            optional_labels: &[],
            is_default: false,
            buckets: &[],
            source: "",
        }
    }

    /// Sets the [unit](Self::unit).
    #[must_use]
    pub const fn with_unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// Sets the [description](Self::description).
    #[must_use]
    pub const fn with_description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Sets the [labels](Self::labels).
    #[must_use]
    pub const fn with_labels(mut self, labels: &'static [LabelKey]) -> Self {
        self.labels = labels;
        self
    }

    /// Sets the [optional labels](Self::optional_labels).
    #[must_use]
    pub const fn with_optional_labels(mut self, labels: &'static [LabelKey]) -> Self {
        self.optional_labels = labels;
        self
    }

    /// Makes the instrument one that is [recorded by default](Self::is_default).
    #[must_use]
    pub const fn with_default(mut self) -> Self {
        self.is_default = true;
        self
    }

    /// Sets the [buckets](Self::buckets).
    #[must_use]
    pub const fn with_buckets(mut self, buckets: &'static [f64]) -> Self {
        self.buckets = buckets;
        self
    }

    /// Sets the [source](Self::source).
    #[must_use]
    pub const fn with_source(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }
}
