//! Starts the trace of each call of a channel.

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, TraceContextExt};
use trunkline_channel::{CallStarted, CallTrace, Interests, Observer};
use trunkline_runtime::{Lock, Runtime};

use crate::trace::clock::CallClock;
use crate::trace::recording::RecordingTrace;
use crate::trace::settings::TraceSettings;
use crate::trace::silent::SilentTrace;
use crate::trace::spans;

/// Traces the calls of one channel.
#[derive(Debug)]
pub(crate) struct TraceObserver {
    pub(crate) settings: TraceSettings,
    pub(crate) runtime: Arc<dyn Runtime>,
}

impl TraceObserver {
    /// Returns the trace of a call that has no recorded span: it sends the context, if there is a
    /// propagator.
    fn silent(&self, context: impl FnOnce() -> Context) -> Option<Box<dyn CallTrace>> {
        let propagator = self.settings.propagator.clone()?;
        Some(Box::new(SilentTrace {
            context: context(),
            propagator,
        }))
    }
}

impl Observer for TraceObserver {
    fn interests(&self) -> Interests {
        Interests::NONE.with_traces(true)
    }

    /// Starts the span of a call, as a child of the context that is current.
    fn trace_call(&self, call: &CallStarted<'_>) -> Option<Box<dyn CallTrace>> {
        let parent = Context::current();
        // The calls of an exporter: the export of their spans would make more calls.
        if parent.is_telemetry_suppressed() {
            return None;
        }
        let Some(tracer) = &self.settings.tracer else {
            return self.silent(|| parent);
        };
        let time = self.runtime.system_time();
        let builder = SpanBuilder::from_name(spans::name("Sent", call.path))
            .with_kind(SpanKind::Client)
            .with_start_time(time);
        let span = tracer.start(builder, &parent);
        if !span.is_recording() {
            return self.silent(|| parent.with_span(span));
        }
        Some(Box::new(RecordingTrace {
            tracer: tracer.clone(),
            propagator: self.settings.propagator.clone(),
            has_message_events: self.settings.has_message_events,
            has_peer_attributes: self.settings.has_peer_attributes,
            clock: CallClock::new(call.at, time),
            context: parent.with_span(span),
            attempts: Lock::default(),
        }))
    }
}
