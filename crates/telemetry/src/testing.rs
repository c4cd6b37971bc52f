//! A sink for tests, which keeps what is recorded.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::instrument::{Instrument, InstrumentKind};
use crate::label::LabelKey;
use crate::sink::{MetricsSink, Series, Value};

/// A sink that keeps what is recorded. Clones share it.
///
/// # Examples
///
/// ```
/// use trunkline_telemetry::testing::RecordingSink;
/// use trunkline_telemetry::{LabelKey, MetricsSink, instruments};
///
/// let sink = RecordingSink::new();
/// let labels = [(LabelKey::METHOD, "orders.Orders/Get"), (LabelKey::TARGET, "dns:///orders:443")];
/// sink.series(&instruments::ATTEMPT_STARTED, &labels).record(1u64.into());
/// assert_eq!(
///     sink.lines(),
///     ["grpc.client.attempt.started{grpc.method=orders.Orders/Get, grpc.target=dns:///orders:443} 1"],
/// );
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordingSink {
    recorded: Arc<Mutex<BTreeMap<String, Recorded>>>,
}

/// What was recorded in one series.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Recorded {
    /// The sum of a counter or an up-down counter.
    Sum(f64),
    /// The last value of a gauge; `None` before the first.
    Last(Option<f64>),
    /// The values of a histogram, in the order in which they were recorded.
    Values(Vec<f64>),
}

/// One series of a [`RecordingSink`].
#[derive(Debug)]
struct RecordingSeries {
    name: String,
    sink: RecordingSink,
}

impl RecordingSink {
    /// Returns a sink that has recorded nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns one line for each series that something was recorded in, in the order of their
    /// texts: the name, the labels, and the sum, the last value, or the values of a histogram in
    /// brackets.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let recorded = self.lock();
        let lines = recorded.iter().filter(|(_, recorded)| !recorded.is_empty());
        lines
            .map(|(name, recorded)| format!("{name} {recorded}"))
            .collect()
    }

    /// Returns the [`lines`](Self::lines) of the instruments whose names begin with `prefix`.
    #[must_use]
    pub fn lines_of(&self, prefix: &str) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| line.starts_with(prefix));
        lines
    }

    /// Returns what was recorded in the series with this name and these labels, written as in
    /// [`lines`](Self::lines): `grpc.client.call.duration{grpc.method=a.B/C, ..}`.
    #[must_use]
    pub fn recorded(&self, series: &str) -> Option<Recorded> {
        self.lock().get(series).cloned()
    }

    /// Forgets what was recorded. Series that are in use stay.
    pub fn clear(&self) {
        for recorded in self.lock().values_mut() {
            recorded.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Recorded>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetricsSink for RecordingSink {
    fn series(
        &self,
        instrument: &'static Instrument,
        labels: &[(LabelKey, &str)],
    ) -> Arc<dyn Series> {
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, text)| format!("{key}={text}"))
            .collect();
        let name = format!("{}{{{}}}", instrument.name, labels.join(", "));
        let empty = Recorded::new(instrument.kind);
        self.lock().entry(name.clone()).or_insert(empty);
        Arc::new(RecordingSeries {
            name,
            sink: self.clone(),
        })
    }
}

impl Series for RecordingSeries {
    fn record(&self, value: Value) {
        if let Some(recorded) = self.sink.lock().get_mut(&self.name) {
            recorded.add(value.as_f64());
        }
    }
}

impl Recorded {
    fn new(kind: InstrumentKind) -> Self {
        match kind {
            InstrumentKind::Counter | InstrumentKind::UpDownCounter => Self::Sum(0.0),
            InstrumentKind::Gauge => Self::Last(None),
            InstrumentKind::Histogram => Self::Values(Vec::new()),
        }
    }

    fn add(&mut self, value: f64) {
        match self {
            Self::Sum(sum) => *sum += value,
            Self::Last(last) => *last = Some(value),
            Self::Values(values) => values.push(value),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Sum(sum) => *sum = 0.0,
            Self::Last(last) => *last = None,
            Self::Values(values) => values.clear(),
        }
    }

    /// Returns true when nothing was recorded, as far as it shows: a sum may be 0 again.
    fn is_empty(&self) -> bool {
        match self {
            Self::Sum(_) => false,
            Self::Last(last) => last.is_none(),
            Self::Values(values) => values.is_empty(),
        }
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum(value) | Self::Last(Some(value)) => value.fmt(f),
            Self::Last(None) => Ok(()),
            Self::Values(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{value}")?;
                }
                f.write_str("]")
            }
        }
    }
}
