//! The binary format of a span's context.
//!
//! ```text
//!   0  1  2              18 19          27 28
//!  +--+--+---------------+--+-----------+--+-----+
//!  | 0| 0| trace id (16) | 1| span id (8)| 2|flags|
//!  +--+--+---------------+--+-----------+--+-----+
//! ```
//!
//! The first byte is the version. Each field is its number and its value. Trace id and span id are
//! required; without flags, they are 0. What follows with a higher number is a field that this version
//! does not know.
//!
//! Source: [OpenCensus, binary encoding](https://github.com/census-instrumentation/opencensus-specs/blob/master/encodings/BinaryEncoding.md).

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

const VERSION: u8 = 0;
const TRACE_ID: u8 = 0;
const SPAN_ID: u8 = 1;
const FLAGS: u8 = 2;

/// The length with all fields of version 0.
const LENGTH: usize = 29;

/// Returns the bytes of a context. It has no place for the trace state.
pub(super) fn encode(context: &SpanContext) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[0] = VERSION;
    bytes[1] = TRACE_ID;
    bytes[2..18].copy_from_slice(&context.trace_id().to_bytes());
    bytes[18] = SPAN_ID;
    bytes[19..27].copy_from_slice(&context.span_id().to_bytes());
    bytes[27] = FLAGS;
    bytes[28] = context.trace_flags().to_u8();
    bytes
}

/// Returns the context of a remote span; `None` if the bytes are not of version 0, a field is missing,
/// cut off or out of order, or an id is zero.
pub(super) fn decode(bytes: &[u8]) -> Option<SpanContext> {
    let (&[version, field], bytes) = bytes.split_first_chunk()?;
    if version != VERSION || field != TRACE_ID {
        return None;
    }
    let (&trace_id, bytes) = bytes.split_first_chunk()?;
    let (&[field], bytes) = bytes.split_first_chunk()?;
    if field != SPAN_ID {
        return None;
    }
    let (&span_id, bytes) = bytes.split_first_chunk()?;
    let flags = match *bytes {
        [] => 0,
        [FLAGS, flags, ..] => flags,
        [field, ..] if field > FLAGS => 0,
        _ => return None,
    };
    let context = SpanContext::new(
        TraceId::from_bytes(trace_id),
        SpanId::from_bytes(span_id),
        TraceFlags::new(flags),
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}
