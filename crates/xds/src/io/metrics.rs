//! The metrics of clients.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline_runtime::Lock;
use trunkline_telemetry::{
    Instrument, LabelKey, MetricsOptions, MetricsSink, Series, Value, instruments,
};

use super::observer::XdsObserver;
use crate::core::ads::AdsEvent;

/// The most series whose handles are kept. With more, the sink is asked again.
const MAX_SERIES: usize = 4096;

/// The label of a target that is not told apart.
const OTHER: &str = "other";

/// Records the metrics of clients of control planes: `grpc.xds_client.connected`, `.server_failure`,
/// `.resource_updates_valid`, `.resource_updates_invalid` and `.resources`.
///
/// A server that is not used any more is not connected, and when a client ends all its gauges are 0.
/// Clients of one target with different bootstraps, or on different runtimes, have the same series.
///
/// # Examples
///
/// ```
/// use trunkline_telemetry::testing::RecordingSink;
/// use trunkline_xds::{Xds, XdsMetrics, XdsPool};
///
/// let pool = XdsPool::new().with_observer(XdsMetrics::new(RecordingSink::new()));
/// let xds = Xds::new().with_pool(pool); // `.with(xds)` on the builder of each channel
/// ```
///
/// Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md).
#[derive(Clone, Debug)]
pub struct XdsMetrics {
    sink: Arc<dyn MetricsSink>,
    options: MetricsOptions,
    bound: Arc<Lock<BTreeMap<Key, Arc<dyn Series>>>>,
}

/// The name of an instrument, and the values of its labels.
type Key = (&'static str, Vec<String>);

impl XdsMetrics {
    /// Returns the metrics that record all five instruments in `sink`. gRFC A78 has them off by
    /// default: without this observer nothing is recorded.
    pub fn new(sink: impl MetricsSink + 'static) -> Self {
        let options = MetricsOptions::default()
            .with_instrument(&instruments::XDS_CONNECTED)
            .with_instrument(&instruments::XDS_SERVER_FAILURE)
            .with_instrument(&instruments::XDS_RESOURCE_UPDATES_VALID)
            .with_instrument(&instruments::XDS_RESOURCE_UPDATES_INVALID)
            .with_instrument(&instruments::XDS_RESOURCES);
        Self {
            sink: Arc::new(sink),
            options,
            bound: Arc::default(),
        }
    }

    /// Sets which of the instruments are recorded, and which targets are labels as they are. The other
    /// options have no effect.
    #[must_use]
    pub fn with_options(mut self, options: MetricsOptions) -> Self {
        self.options = options;
        self
    }

    /// Records a value in the series of an instrument, if it is on. `labels` are those of the
    /// instrument after the target.
    fn record(
        &self,
        instrument: &'static Instrument,
        target: &str,
        labels: &[&str],
        value: impl Into<Value>,
    ) {
        if !self.options.records(instrument) {
            return;
        }
        let filter = self.options.target_filter.as_ref();
        let is_kept = filter.is_none_or(|filter| filter.accepts(target));
        let target = if is_kept { target } else { OTHER };
        let values: Vec<&str> = [target].iter().chain(labels).copied().collect();
        self.series(instrument, &values).record(value.into());
    }

    /// Returns the series of an instrument whose labels have these values.
    fn series(&self, instrument: &'static Instrument, values: &[&str]) -> Arc<dyn Series> {
        let texts = values.iter().map(|value| (*value).to_owned());
        let key = (instrument.name, texts.collect());
        let mut bound = self.bound.lock();
        if let Some(series) = bound.get(&key) {
            return Arc::clone(series);
        }
        if bound.len() >= MAX_SERIES {
            bound.clear();
        }
        let keys = instrument.labels.iter().copied();
        let labels: Vec<(LabelKey, &str)> = keys.zip(values.iter().copied()).collect();
        let series = self.sink.series(instrument, &labels);
        bound.insert(key, Arc::clone(&series));
        series
    }
}

impl XdsObserver for XdsMetrics {
    fn observe(&self, target: &str, event: &AdsEvent, _: Instant) {
        let connected = |server: &str, value: u64| {
            self.record(&instruments::XDS_CONNECTED, target, &[server], value);
        };
        match event {
            AdsEvent::Connected { server } => connected(&server.uri, 1),
            AdsEvent::Failed { server, .. } => {
                connected(&server.uri, 0);
                let failures = &instruments::XDS_SERVER_FAILURE;
                self.record(failures, target, &[&server.uri], 1u64);
            }
            AdsEvent::Disconnected { server } => connected(&server.uri, 0),
            AdsEvent::Response {
                server,
                kind,
                valid,
                invalid,
                ..
            } => {
                let labels = [&*server.uri, kind.message_name()];
                let count = |instrument, number: u64| {
                    if number > 0 {
                        self.record(instrument, target, &labels, number);
                    }
                };
                count(&instruments::XDS_RESOURCE_UPDATES_VALID, *valid);
                count(&instruments::XDS_RESOURCE_UPDATES_INVALID, *invalid);
            }
            AdsEvent::Resources {
                authority,
                kind,
                state,
                count,
            } => {
                let labels = [&*authority.to_string(), state, kind.message_name()];
                self.record(&instruments::XDS_RESOURCES, target, &labels, *count);
            }
            _ => {}
        }
    }
}
