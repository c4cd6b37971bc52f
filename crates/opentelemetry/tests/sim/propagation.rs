//! The context of a trace in the metadata of a call.
//!
//! Source: [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md).

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use trunkline_opentelemetry::propagation::{
    GrpcTraceBinPropagator, MetadataExtractor, MetadataInjector,
};

/// The context in the tests of grpc-go, as bytes.
const VALID: [u8; 29] = [
    0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 17, 18, 19, 20, 21, 22, 23, 24,
    2, 1,
];

/// [`VALID`] in base64, without padding.
const VALID_TEXT: &str = "AAABAgMEBQYHCAkKCwwNDg8QARESExQVFhcYAgE";

/// Returns the context that [`VALID`] is.
fn context(flags: u8, is_remote: bool) -> SpanContext {
    SpanContext::new(
        TraceId::from_hex("0102030405060708090a0b0c0d0e0f10").expect("a trace id"),
        SpanId::from_hex("1112131415161718").expect("a span id"),
        TraceFlags::new(flags),
        is_remote,
        TraceState::NONE,
    )
}

/// Encodes bytes as binary metadata is: base64, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for digit in 0..=chunk.len() {
            let index = bits >> (18 - 6 * digit) & 63;
            text.push(char::from(DIGITS[index as usize]));
        }
    }
    text
}

/// Returns the context that the propagator reads from a `grpc-trace-bin` with this text.
fn extract(text: &str) -> Option<SpanContext> {
    let mut metadata = HeaderMap::new();
    let value = HeaderValue::from_str(text).expect("a header value");
    metadata.insert("grpc-trace-bin", value);
    let extractor = MetadataExtractor::new(&metadata);
    let cx = GrpcTraceBinPropagator::new().extract_with_context(&Context::new(), &extractor);
    cx.has_active_span()
        .then(|| cx.span().span_context().clone())
}

/// Returns the metadata that a propagator writes for a context, as lines.
fn inject(propagator: &dyn TextMapPropagator, context: SpanContext) -> Vec<String> {
    let mut metadata = HeaderMap::new();
    let cx = Context::new().with_remote_span_context(context);
    propagator.inject_context(&cx, &mut MetadataInjector::new(&mut metadata));
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}", value.to_str().expect("text"))
    };
    metadata.iter().map(line).collect()
}

/// The context is sent in 29 bytes: version, trace id, span id and flags. A context without ids is not
/// sent.
///
/// The vectors are those of grpc-go's `TestInject` and `TestBinary`.
#[test]
fn grpc_trace_bin_is_written() {
    let propagator = GrpcTraceBinPropagator::new();
    assert_eq!(base64(&VALID), VALID_TEXT);
    assert_eq!(
        inject(&propagator, context(1, false)),
        [format!("grpc-trace-bin: {VALID_TEXT}")]
    );
    assert_eq!(inject(&propagator, SpanContext::NONE), [""; 0]);
    let fields: Vec<_> = propagator.fields().collect();
    assert_eq!(fields, ["grpc-trace-bin"]);
}

/// A value is read where its version is 0, its fields are in order, and its ids are not zero.
///
/// The vectors of 28 and 29 bytes are those of grpc-go's `TestFromBinary`. The others follow the
/// [format](https://github.com/census-instrumentation/opencensus-specs/blob/master/encodings/BinaryEncoding.md):
/// the flags are optional, and fields with higher numbers may follow.
#[test]
fn grpc_trace_bin_is_read() {
    let changed = |index: usize, byte: u8| {
        let mut bytes = VALID.to_vec();
        bytes[index] = byte;
        bytes
    };
    let with = |more: &[u8]| [&VALID[..], more].concat();
    let zero = |range: std::ops::Range<usize>| {
        let mut bytes = VALID.to_vec();
        bytes[range].fill(0);
        bytes
    };
    for (what, bytes, flags) in [
        ("valid", VALID.to_vec(), Some(1)),
        ("not sampled", changed(28, 0), Some(0)),
        ("without flags", VALID[..27].to_vec(), Some(0)),
        ("with an unknown field", with(&[3, 7]), Some(1)),
        ("with an unknown field, no flags", changed(27, 9), Some(0)),
        ("invalid length", VALID[..28].to_vec(), None),
        ("invalid version", changed(0, 1), None),
        ("invalid trace id field", changed(1, 1), None),
        ("invalid span id field", changed(18, 0), None),
        ("invalid flags field", changed(27, 1), None),
        ("trace id of zeros", zero(2..18), None),
        ("span id of zeros", zero(19..27), None),
        ("empty", Vec::new(), None),
    ] {
        let expected = flags.map(|flags| context(flags, true));
        assert_eq!(extract(&base64(&bytes)), expected, "{what}");
    }
}

/// Binary metadata is base64 with or without padding, and several values may be joined by commas: the
/// last one counts.
///
/// Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
#[test]
fn the_text_of_grpc_trace_bin() {
    let valid = Some(context(1, true));
    for (text, expected) in [
        (VALID_TEXT.to_owned(), valid.clone()),
        (format!("{VALID_TEXT}="), valid.clone()),
        (format!("AAAA,{VALID_TEXT}"), valid.clone()),
        (format!("AAAA, {VALID_TEXT}"), valid),
        (format!("{VALID_TEXT},AAAA"), None),
        (format!("{VALID_TEXT}!"), None),
        (String::new(), None),
    ] {
        assert_eq!(extract(&text), expected, "{text}");
    }
}

/// Every start of a valid value, and every change of one byte, is read or ignored, never a panic; and what
/// is read is written as the same ids.
#[test]
fn damaged_values() {
    let propagator = GrpcTraceBinPropagator::new();
    for length in 0..=VALID.len() {
        let is_read = extract(&base64(&VALID[..length])).is_some();
        assert_eq!(is_read, matches!(length, 27 | 29), "{length} bytes");
    }
    for index in 0..VALID.len() {
        for byte in 0..=u8::MAX {
            let mut bytes = VALID;
            bytes[index] = byte;
            let Some(context) = extract(&base64(&bytes)) else {
                continue;
            };
            let written = inject(&propagator, context);
            if bytes[27] == 2 {
                assert_eq!(written, [format!("grpc-trace-bin: {}", base64(&bytes))]);
            } else {
                bytes[27..].copy_from_slice(&[2, 0]);
                assert_eq!(written, [format!("grpc-trace-bin: {}", base64(&bytes))]);
            }
        }
    }
}

/// Fields are written where gRPC can send them and does not use them itself. They replace what is
/// there.
#[test]
fn fields_that_are_sent() {
    for (key, value, expected) in [
        ("traceparent", "00-01", Some("00-01")),
        ("TraceState", "a=1", Some("a=1")),
        ("own-bin", "AAAA", Some("AAAA")),
        ("own-bin", "AA==", Some("AA")),
        ("own-bin", "not base64", None),
        ("own-bin", "", None),
        ("tracestate", "", None),
        ("tracestate", "a\nb", None),
        ("a key", "value", None),
        ("", "value", None),
        (":path", "/", None),
        ("te", "trailers", None),
        ("content-type", "text/plain", None),
        ("grpc-timeout", "1S", None),
        ("grpc-tags-bin", "AAAA", Some("AAAA")),
    ] {
        let mut metadata = HeaderMap::new();
        if let (Ok(name), Some(_)) = (HeaderName::try_from(key), expected) {
            metadata.insert(name, HeaderValue::from_static("an earlier value"));
        }
        MetadataInjector::new(&mut metadata).set(key, value.to_owned());
        let written: Vec<_> = metadata.values().collect();
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(written, expected, "{key}: {value}");
    }
}

/// A server reads the last of several values with one key, and all of them where a propagator asks.
#[test]
fn fields_that_are_read() {
    let mut metadata = HeaderMap::new();
    for (name, value) in [("tracestate", "a=1"), ("tracestate", "b=2"), ("x", "y")] {
        metadata.append(name, HeaderValue::from_static(value));
    }
    metadata.append(
        "tracestate-not-text",
        HeaderValue::from_bytes(b"\xff").expect("a value"),
    );
    let extractor = MetadataExtractor::new(&metadata);
    assert_eq!(extractor.get("TRACESTATE"), Some("b=2"));
    assert_eq!(extractor.get_all("tracestate"), Some(vec!["a=1", "b=2"]));
    assert_eq!(extractor.get("tracestate-not-text"), None);
    assert_eq!(extractor.get_all("tracestate-not-text"), None);
    assert_eq!(extractor.get("traceparent"), None);
    assert_eq!(extractor.keys(), ["tracestate", "x", "tracestate-not-text"]);
}

/// A context without trace state is sent as `traceparent` alone: gRPC has no empty metadata.
#[test]
fn the_context_of_the_w3c() {
    let traceparent = "traceparent: 00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";
    let propagator = TraceContextPropagator::new();
    assert_eq!(inject(&propagator, context(1, false)), [traceparent]);
}
