//! The metrics of channels.

use std::sync::Arc;
use std::time::Instant;

use trunkline_channel::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, ChannelEvent,
    ChannelIdentity, Interests, Observer, ObserverFactory,
};

use crate::calls::CallMetrics;
use crate::control::ControlMetrics;
use crate::event_series::EventSeries;
use crate::options::MetricsOptions;
use crate::recorder::Scope;
use crate::sink::MetricsSink;

/// Measures channels, and records the measurements in a sink.
///
/// Give a clone of it to each channel. The target of a channel is a label. A channel can have
/// several of them, with different sinks and options.
///
/// # Examples
///
/// ```
/// use trunkline_channel::Channel;
/// use trunkline_telemetry::testing::RecordingSink;
/// use trunkline_telemetry::{Metrics, MetricsOptions, instruments};
///
/// # let sim = trunkline_sim::Sim::new(1);
/// # let runtime = sim.runtime();
/// # let build = || -> Result<(), trunkline_channel::BuildError> {
/// let options = MetricsOptions::default().with_instrument(&instruments::OPEN_CONNECTIONS);
/// let metrics = Metrics::new(RecordingSink::new()).with_options(options);
/// let orders = Channel::builder("ipv4:192.0.2.1:50051")
///     .plaintext()
/// #   .runtime(runtime.clone())
///     .telemetry(metrics.clone())
///     .build()?;
/// let stock = Channel::builder("ipv4:192.0.2.2:50051")
///     .plaintext()
/// #   .runtime(runtime.clone())
///     .telemetry(metrics)
///     .build()?;
/// # Ok(())
/// # };
/// # build().unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Metrics {
    sink: Arc<dyn MetricsSink>,
    options: Arc<MetricsOptions>,
}

/// The metrics of one channel.
#[derive(Debug)]
struct ChannelMetrics {
    calls: CallMetrics,
    control: ControlMetrics,
}

impl Metrics {
    /// Returns the metrics that record the default instruments in `sink`.
    pub fn new(sink: impl MetricsSink + 'static) -> Self {
        Self {
            sink: Arc::new(sink),
            options: Arc::default(),
        }
    }

    /// Sets what is measured.
    #[must_use]
    pub fn with_options(mut self, options: MetricsOptions) -> Self {
        self.options = Arc::new(options);
        self
    }
}

impl ObserverFactory for Metrics {
    fn observer_for(&self, channel: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>> {
        let (sink, options) = (Arc::clone(&self.sink), Arc::clone(&self.options));
        let scope = Arc::new(Scope::new(sink, options, channel.canonical_target));
        Some(Arc::new(ChannelMetrics {
            calls: CallMetrics::new(Arc::clone(&scope)),
            control: ControlMetrics::new(Arc::new(EventSeries::new(scope))),
        }))
    }
}

impl Observer for ChannelMetrics {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::SubchannelCreated { id, address } = event {
            self.calls.subchannel_created(*id, address);
        }
        self.control.observe(event);
    }

    fn interests(&self) -> Interests {
        self.calls.interests()
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        self.calls.call_started(call);
    }

    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        self.calls.attempt_started(attempt);
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.calls.attempt_sent(attempt);
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        self.calls.attempt_ended(attempt);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.calls.call_ended(call);
    }
}
