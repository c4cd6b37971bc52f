//! The series that events are recorded in.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_runtime::Lock;

use crate::instrument::Instrument;
use crate::label::LabelKey;
use crate::recorder::{Recorder, Scope};

/// The most series of one channel that events make. Their labels have few values, so it is reached
/// only where a resolver makes up very many localities.
const MAX_SERIES: usize = 4096;

/// The series that the events of a channel are recorded in. Events are rare: unlike calls, they take
/// a lock and allocate.
#[derive(Debug)]
pub(crate) struct EventSeries {
    scope: Arc<Scope>,
    bound: Lock<BTreeMap<Key, Recorder>>,
}

/// The name of an instrument, and the values of its labels.
type Key = (&'static str, Vec<String>);

impl EventSeries {
    pub(crate) fn new(scope: Arc<Scope>) -> Self {
        Self {
            scope,
            bound: Lock::default(),
        }
    }

    /// Returns the series of an instrument whose labels have these values; one that records nothing
    /// if the instrument is off.
    pub(crate) fn get(
        &self,
        instrument: &'static Instrument,
        values: &[(LabelKey, &str)],
    ) -> Recorder {
        if !self.scope.options.records(instrument) {
            return Recorder::off();
        }
        let labels = self.scope.labels(instrument, values);
        let texts = labels.iter().map(|(_, value)| (*value).to_owned());
        let key = (instrument.name, texts.collect());
        let mut bound = self.bound.lock();
        if let Some(recorder) = bound.get(&key) {
            return recorder.clone();
        }
        if bound.len() >= MAX_SERIES {
            return Recorder::off();
        }
        let recorder = self.scope.bind_labels(instrument, &labels);
        bound.insert(key, recorder.clone());
        recorder
    }
}
