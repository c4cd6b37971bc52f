//! The propagator of `grpc-trace-bin`.

use std::sync::LazyLock;

use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;

use super::{base64, span_context};

/// The key of the field.
const KEY: &str = "grpc-trace-bin";

static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [KEY.to_owned()]);

/// Propagates the context of a trace in `grpc-trace-bin`, the binary header of gRPC's OpenCensus
/// plugins.
///
/// For peers that do not read the W3C's `traceparent` yet; a
/// [composite](opentelemetry::propagation::TextMapCompositePropagator) of both serves all. The header has
/// no trace state. The value in the carrier is base64, which is the form of binary metadata on the
/// wire.
///
/// A received value that is not valid leaves the context as it is. Of several values, the last one
/// counts.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use opentelemetry::propagation::TextMapPropagator;
/// use opentelemetry::trace::TraceContextExt;
/// use trunkline_opentelemetry::propagation::{GrpcTraceBinPropagator, MetadataExtractor};
///
/// let mut metadata = HeaderMap::new();
/// let value = "AAABAgMEBQYHCAkKCwwNDg8QARESExQVFhcYAgE";
/// metadata.insert("grpc-trace-bin", value.parse()?);
/// let context = GrpcTraceBinPropagator::new().extract(&MetadataExtractor::new(&metadata));
/// let parent = context.span().span_context().clone();
/// assert_eq!(parent.trace_id().to_string(), "0102030405060708090a0b0c0d0e0f10");
/// assert_eq!(parent.span_id().to_string(), "1112131415161718");
/// assert!(parent.is_sampled() && parent.is_remote());
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
///
/// Source: [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md),
/// `GrpcTraceBinPropagator`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct GrpcTraceBinPropagator {}

impl GrpcTraceBinPropagator {
    /// Returns the propagator.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl TextMapPropagator for GrpcTraceBinPropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span();
        let context = span.span_context();
        if context.is_valid() {
            injector.set(KEY, base64::encode(span_context::encode(context)));
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let value = extractor.get(KEY);
        // Values of binary metadata with one key may be joined by commas.
        let last = value.and_then(|value| value.rsplit(',').next());
        let bytes = last.and_then(|value| base64::decode(value.trim_ascii()));
        match bytes.and_then(|bytes| span_context::decode(&bytes)) {
            Some(remote) => cx.with_remote_span_context(remote),
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(FIELDS.as_slice())
    }
}
