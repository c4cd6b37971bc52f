//! The retries and hedges of calls. A value of 0 is not recorded.
//!
//! Source: [gRFC A96](https://github.com/grpc/proposal/blob/master/A96-retry-otel-stats.md); the optional
//! label is that of [A108](https://github.com/grpc/proposal/blob/master/A108-otel-custom-per-call-label.md).

use crate::instrument::Instrument;
use crate::instrument::InstrumentKind::Histogram;
use crate::instrument::ValueKind::{Float, Integer};
use crate::instruments::buckets::{LATENCY, RETRIES, TRANSPARENT_RETRIES};
use crate::label::LabelKey;

const METHOD_TARGET: &[LabelKey] = &[LabelKey::METHOD, LabelKey::TARGET];
const CUSTOM: &[LabelKey] = &[LabelKey::CUSTOM];

/// The retries of a call.
pub static CALL_RETRIES: Instrument = Instrument::new(
    "grpc.client.call.retries",
    Histogram,
    Integer,
)
.with_unit("{retry}")
.with_description(
    "Number of retries during the client call. If there were no retries, 0 is not reported.",
)
.with_labels(METHOD_TARGET)
.with_optional_labels(CUSTOM)
.with_buckets(RETRIES)
.with_source("gRFC A96");

/// The transparent retries of a call.
pub static CALL_TRANSPARENT_RETRIES: Instrument =
    Instrument::new("grpc.client.call.transparent_retries", Histogram, Integer)
        .with_unit("{transparent_retry}")
        .with_description(
            "Number of transparent retries during the client call. If there were no transparent \
             retries, 0 is not reported.",
        )
        .with_labels(METHOD_TARGET)
        .with_optional_labels(CUSTOM)
        .with_buckets(TRANSPARENT_RETRIES)
        .with_source("gRFC A96");

/// The hedges of a call.
pub static CALL_HEDGES: Instrument = Instrument::new("grpc.client.call.hedges", Histogram, Integer)
    .with_unit("{hedge}")
    .with_description(
        "Number of hedges during the client call. If there were no hedges, 0 is not reported.",
    )
    .with_labels(METHOD_TARGET)
    .with_optional_labels(CUSTOM)
    .with_buckets(RETRIES)
    .with_source("gRFC A96");

/// The time in which no attempt of a call ran, between two attempts.
pub static CALL_RETRY_DELAY: Instrument =
    Instrument::new("grpc.client.call.retry_delay", Histogram, Float)
        .with_unit("s")
        .with_description(
            "Total time of delay while there is no active attempt during the client call.",
        )
        .with_labels(METHOD_TARGET)
        .with_optional_labels(CUSTOM)
        .with_buckets(LATENCY)
        .with_source("gRFC A96");
