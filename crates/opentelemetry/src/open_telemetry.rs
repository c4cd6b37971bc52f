//! Telemetry of channels for OpenTelemetry.

use std::sync::Arc;

use opentelemetry::global::BoxedTracer;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use trunkline_channel::{ChannelIdentity, Observer, ObserverFactory};

use crate::scope::scope;
use crate::trace::{SharedTracer, TraceObserver, TraceSettings};

/// Telemetry of channels for OpenTelemetry, for `ChannelBuilder::telemetry`.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct OpenTelemetry {
    traces: TraceSettings,
}

impl OpenTelemetry {
    /// Returns a telemetry that records nothing and sends nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Traces the calls with a tracer of this provider.
    pub fn with_tracer_provider<P>(mut self, provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Send + Sync + 'static,
        <P::Tracer as Tracer>::Span: Span + Send + Sync + 'static,
    {
        let tracer = provider.tracer_with_scope(scope());
        self.traces.tracer = Some(SharedTracer::new(BoxedTracer::new(Box::new(tracer))));
        self
    }

    /// Sends the context of each attempt in its metadata.
    ///
    /// Without a [tracer provider](Self::with_tracer_provider), the context that is current when a call
    /// starts is sent.
    pub fn with_propagator(
        mut self,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        self.traces.propagator = Some(Arc::new(propagator));
        self
    }

    /// Sets whether each message of a call is an event of its span. True by default.
    pub fn with_message_events(mut self, has_message_events: bool) -> Self {
        self.traces.has_message_events = has_message_events;
        self
    }
}

impl ObserverFactory for OpenTelemetry {
    fn observer_for(&self, channel: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>> {
        let is_tracing = self.traces.tracer.is_some() || self.traces.propagator.is_some();
        is_tracing.then(|| {
            let observer: Arc<dyn Observer> = Arc::new(TraceObserver {
                settings: self.traces.clone(),
                runtime: Arc::clone(channel.runtime),
            });
            observer
        })
    }
}
