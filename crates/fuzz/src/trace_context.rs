//! Trace contexts in metadata.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use trunkline_opentelemetry::propagation::{
    GrpcTraceBinPropagator, MetadataExtractor, MetadataInjector,
};

/// The key of the binary header.
const KEY: &str = "grpc-trace-bin";

/// A context that is read from `grpc-trace-bin` is valid, and is the same after it is written and read
/// again. The input is the text of the header, and the bytes in it. As a field of any key it is written
/// or left out.
pub fn trace_context(data: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(data) {
        read_again(value);
    }
    let text = STANDARD_NO_PAD.encode(data);
    read_again(HeaderValue::try_from(text.clone()).expect("base64 is text"));
    let mut metadata = HeaderMap::new();
    let mut injector = MetadataInjector::new(&mut metadata);
    injector.set(&String::from_utf8_lossy(data), text.clone());
    injector.set(&text, String::from_utf8_lossy(data).into_owned());
    assert!(metadata.values().all(|value| !value.is_empty()));
}

fn read_again(value: HeaderValue) {
    let mut metadata = HeaderMap::new();
    metadata.insert(KEY, value);
    let Some(context) = read(&metadata) else {
        return;
    };
    assert!(context.is_valid() && context.is_remote());
    let cx = Context::new().with_remote_span_context(context.clone());
    let mut written = HeaderMap::new();
    GrpcTraceBinPropagator::new().inject_context(&cx, &mut MetadataInjector::new(&mut written));
    assert_eq!(read(&written), Some(context));
}

fn read(metadata: &HeaderMap) -> Option<SpanContext> {
    let extractor = MetadataExtractor::new(metadata);
    let cx = GrpcTraceBinPropagator::new().extract_with_context(&Context::new(), &extractor);
    let has_span = cx.has_active_span();
    has_span.then(|| cx.span().span_context().clone())
}
