//! The parent of a traced call, as a server has read it.

use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use trunkline_opentelemetry::propagation::{GrpcTraceBinPropagator, MetadataExtractor};

/// The header in which a server returns the parent of its span: trace id, span id and flags.
pub(super) const PARENT: &str = "x-trace-parent";

/// A list of propagators.
pub(super) type Propagators = Vec<Box<dyn TextMapPropagator + Send + Sync>>;

/// Returns the propagators of `traceparent` and of `grpc-trace-bin`.
pub(super) fn both() -> Propagators {
    vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(GrpcTraceBinPropagator::new()),
    ]
}

/// Adds the parent of a call to the headers of its response, as the tonic server has read it.
pub(super) fn return_parent(request: &HeaderMap, response: &mut HeaderMap) {
    let propagator = TextMapCompositePropagator::new(both());
    let cx = propagator.extract_with_context(&Context::new(), &MetadataExtractor::new(request));
    let parent = cx.span().span_context().clone();
    if parent.is_valid()
        && let Ok(value) = HeaderValue::try_from(shown(&parent))
    {
        response.insert(PARENT, value);
    }
}

/// Returns the text of a parent.
pub(super) fn shown(context: &SpanContext) -> String {
    format!(
        "{}-{}-{:02x}",
        context.trace_id(),
        context.span_id(),
        context.trace_flags().to_u8()
    )
}
