//! Calls and attempts.
//!
//! Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md); the optional
//! labels are those of [A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md),
//! [A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md) and
//! [A108](https://github.com/grpc/proposal/blob/master/A108-otel-custom-per-call-label.md).

use crate::instrument::Instrument;
use crate::instrument::InstrumentKind::{Counter, Histogram};
use crate::instrument::ValueKind::{Float, Integer};
use crate::instruments::buckets::{LATENCY, SIZE};
use crate::label::LabelKey;

const METHOD_TARGET: &[LabelKey] = &[LabelKey::METHOD, LabelKey::TARGET];
const METHOD_TARGET_STATUS: &[LabelKey] = &[LabelKey::METHOD, LabelKey::TARGET, LabelKey::STATUS];
const CUSTOM: &[LabelKey] = &[LabelKey::CUSTOM];
const LOCALITY_SERVICE_CUSTOM: &[LabelKey] = &[
    LabelKey::LOCALITY,
    LabelKey::BACKEND_SERVICE,
    LabelKey::CUSTOM,
];

/// The attempts that were started.
pub static ATTEMPT_STARTED: Instrument =
    Instrument::new("grpc.client.attempt.started", Counter, Integer)
        .with_unit("{attempt}")
        .with_description(
            "The total number of RPC attempts started, including those that have not completed.",
        )
        .with_labels(METHOD_TARGET)
        .with_optional_labels(CUSTOM)
        .with_default()
        .with_source("gRFC A66");

/// The time of an attempt, with the wait for its pick.
pub static ATTEMPT_DURATION: Instrument =
    Instrument::new("grpc.client.attempt.duration", Histogram, Float)
        .with_unit("s")
        .with_description(
            "End-to-end time taken to complete an RPC attempt including the time it takes to pick \
             a subchannel.",
        )
        .with_labels(METHOD_TARGET_STATUS)
        .with_optional_labels(LOCALITY_SERVICE_CUSTOM)
        .with_default()
        .with_buckets(LATENCY)
        .with_source("gRFC A66");

/// The bytes of the request messages of an attempt, without the gRPC prefix of 5 bytes.
pub static ATTEMPT_SENT: Instrument = Instrument::new(
    "grpc.client.attempt.sent_total_compressed_message_size",
    Histogram,
    Integer,
)
.with_unit("By")
.with_description(
    "Total bytes (compressed but not encrypted) sent across all request messages (metadata \
     excluded) per RPC attempt; does not include grpc or transport framing bytes.",
)
.with_labels(METHOD_TARGET_STATUS)
.with_optional_labels(LOCALITY_SERVICE_CUSTOM)
.with_default()
.with_buckets(SIZE)
.with_source("gRFC A66");

/// The bytes of the response messages of an attempt, without the gRPC prefix of 5 bytes.
pub static ATTEMPT_RECEIVED: Instrument = Instrument::new(
    "grpc.client.attempt.rcvd_total_compressed_message_size",
    Histogram,
    Integer,
)
.with_unit("By")
.with_description(
    "Total bytes (compressed but not encrypted) received across all response messages (metadata \
     excluded) per RPC attempt; does not include grpc or transport framing bytes.",
)
.with_labels(METHOD_TARGET_STATUS)
.with_optional_labels(LOCALITY_SERVICE_CUSTOM)
.with_default()
.with_buckets(SIZE)
.with_source("gRFC A66");

/// The time of a call, as the application sees it.
pub static CALL_DURATION: Instrument =
    Instrument::new("grpc.client.call.duration", Histogram, Float)
        .with_unit("s")
        .with_description(
            "This metric aims to measure the end-to-end time the gRPC library takes to complete \
             an RPC from the application's perspective.",
        )
        .with_labels(METHOD_TARGET_STATUS)
        .with_optional_labels(CUSTOM)
        .with_default()
        .with_buckets(LATENCY)
        .with_source("gRFC A66");
