//! What all traces share.

use std::fmt;
use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanBuilder, Tracer};

/// A tracer that the calls of several channels share.
#[derive(Clone)]
pub(crate) struct SharedTracer(Arc<BoxedTracer>);

/// A propagator that the calls of several channels share.
pub(crate) type Propagator = Arc<dyn TextMapPropagator + Send + Sync>;

/// What all traces share.
#[derive(Clone, Debug)]
pub(crate) struct TraceSettings {
    /// `None` to make no spans.
    pub(crate) tracer: Option<SharedTracer>,
    /// Writes the context of an attempt into its metadata.
    pub(crate) propagator: Option<Propagator>,
    /// True when each message is an event.
    pub(crate) has_message_events: bool,
    /// True when the address of the server is an attribute of an attempt.
    pub(crate) has_peer_attributes: bool,
}

impl SharedTracer {
    pub(crate) fn new(tracer: BoxedTracer) -> Self {
        Self(Arc::new(tracer))
    }

    /// Starts a span under the span of `parent`.
    pub(super) fn start(&self, span: SpanBuilder, parent: &Context) -> BoxedSpan {
        self.0.build_with_context(span, parent)
    }
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            tracer: None,
            propagator: None,
            has_message_events: true,
            has_peer_attributes: false,
        }
    }
}

impl fmt::Debug for SharedTracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTracer").finish_non_exhaustive()
    }
}
