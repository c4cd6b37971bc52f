//! Telemetry of channels for OpenTelemetry.

use std::sync::Arc;

use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Tracer, TracerProvider};
use trunkline_channel::{ChannelIdentity, Observer, ObserverFactory};
use trunkline_telemetry::{Metrics, MetricsOptions};

use crate::joined::Joined;
use crate::scope::scope;
use crate::sink::OpenTelemetrySink;
use crate::trace::{SharedTracer, TraceObserver, TraceSettings};

/// Metrics and traces of channels, for `ChannelBuilder::telemetry`.
///
/// Nothing is global: what is not given is not recorded. Give a clone of it to each channel. The
/// instrumentation scope is this crate, with its version.
///
/// # Examples
///
/// ```
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
/// use opentelemetry_sdk::propagation::TraceContextPropagator;
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use trunkline_channel::Channel;
/// use trunkline_opentelemetry::OpenTelemetry;
/// use trunkline_telemetry::{MetricsOptions, instruments};
///
/// # let sim = trunkline_sim::Sim::new(1);
/// # fn build(sim: &trunkline_sim::Sim) -> Result<(), trunkline_channel::BuildError> {
/// // An application adds its exporters to these.
/// let (meters, tracers) = (SdkMeterProvider::default(), SdkTracerProvider::default());
/// let telemetry = OpenTelemetry::new()
///     .with_meter_provider(&meters)
///     .with_metrics_options(MetricsOptions::default().with_instrument(&instruments::CALL_RETRIES))
///     .with_tracer_provider(&tracers)
///     .with_propagator(TraceContextPropagator::new());
/// let channel = Channel::builder("ipv4:192.0.2.1:50051")
///     .plaintext()
/// #   .runtime(sim.runtime())
///     .telemetry(telemetry)
///     .build()?;
/// # Ok(())
/// # }
/// # build(&sim).unwrap();
/// ```
///
/// Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md) and
/// [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md).
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct OpenTelemetry {
    sink: Option<Arc<OpenTelemetrySink>>,
    metrics: MetricsOptions,
    traces: TraceSettings,
}

impl OpenTelemetry {
    /// Returns a telemetry that records nothing and sends nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records metrics with a meter of this provider.
    pub fn with_meter_provider(mut self, provider: &impl MeterProvider) -> Self {
        self.sink = Some(Arc::new(OpenTelemetrySink::new(provider)));
        self
    }

    /// Sets which instruments are recorded, with which optional labels, and which methods and targets
    /// have series of their own. Default: [`MetricsOptions::default`].
    pub fn with_metrics_options(mut self, options: MetricsOptions) -> Self {
        self.metrics = options;
        self
    }

    /// Traces calls with a tracer of this provider: a span for each call, under the span that is current
    /// when the call starts, and one under it for each attempt.
    ///
    /// The attempts of a call whose span is not recorded have no spans.
    pub fn with_tracer_provider<P>(mut self, provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Send + Sync + 'static,
        <P::Tracer as Tracer>::Span: Send + Sync + 'static,
    {
        let tracer = BoxedTracer::new(Box::new(provider.tracer_with_scope(scope())));
        self.traces.tracer = Some(SharedTracer::new(tracer));
        self
    }

    /// Sends the context of each attempt's span in its metadata.
    ///
    /// Where an attempt has no span, it sends the context of the call. Without a
    /// [tracer provider](Self::with_tracer_provider), that is the context which is current when the call
    /// starts. Default: no propagator, which sends nothing.
    pub fn with_propagator(
        mut self,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        self.traces.propagator = Some(Arc::new(propagator));
        self
    }

    /// Sets whether each message is an event of its attempt's span. Default: true.
    ///
    /// The SDK keeps the first events of a span, 128 unless its limits are changed.
    pub fn with_message_events(mut self, has_message_events: bool) -> Self {
        self.traces.has_message_events = has_message_events;
        self
    }

    /// Sets whether the span of an attempt has the address of its server: `network.peer.address` and, for
    /// an IP address, `network.peer.port`. Default: false, as in gRFC A72.
    pub fn with_peer_attributes(mut self, has_peer_attributes: bool) -> Self {
        self.traces.has_peer_attributes = has_peer_attributes;
        self
    }
}

impl ObserverFactory for OpenTelemetry {
    fn observer_for(&self, channel: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>> {
        let metrics = self.sink.as_ref().and_then(|sink| {
            let metrics = Metrics::new(Arc::clone(sink)).with_options(self.metrics.clone());
            metrics.observer_for(channel)
        });
        let is_tracing = self.traces.tracer.is_some() || self.traces.propagator.is_some();
        let traces = is_tracing.then(|| TraceObserver {
            settings: self.traces.clone(),
            runtime: Arc::clone(channel.runtime),
        });
        match (metrics, traces) {
            (Some(metrics), Some(traces)) => Some(Arc::new(Joined { metrics, traces })),
            (metrics, None) => metrics,
            (None, Some(traces)) => Some(Arc::new(traces)),
        }
    }
}
