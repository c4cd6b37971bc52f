//! The instruments are those of the gRFCs: a row for each, written from their texts.
//!
//! Sources: gRFCs [A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md),
//! [A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md),
//! [A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md),
//! [A91](https://github.com/grpc/proposal/blob/master/A91-outlier-detection-metrics.md),
//! [A94](https://github.com/grpc/proposal/blob/master/A94-subchannel-otel-metrics.md),
//! [A96](https://github.com/grpc/proposal/blob/master/A96-retry-otel-stats.md),
//! [A108](https://github.com/grpc/proposal/blob/master/A108-otel-custom-per-call-label.md),
//! [A118](https://github.com/grpc/proposal/blob/master/A118-tls-telemetry.md).

use std::collections::BTreeSet;

use trunkline_telemetry::InstrumentKind::{self, Counter, Gauge, Histogram, UpDownCounter};
use trunkline_telemetry::ValueKind::{self, Float, Integer};
use trunkline_telemetry::{Instrument, LabelKey, instruments};

/// The latency buckets of gRFC A66.
const LATENCY: &str = "0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, \
    0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, \
    0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, \
    0.8, 1, 2, 5, 10, 20, 50, 100";

/// The size buckets of gRFC A66.
const SIZE: &str = "0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, \
    16777216, 67108864, 268435456, 1073741824, 4294967296";

/// Name, kind, value, unit, labels, optional labels, default, buckets, source.
type Row = (
    &'static str,
    InstrumentKind,
    ValueKind,
    &'static str,
    &'static str,
    &'static str,
    bool,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("grpc.client.attempt.started", Counter, Integer, "{attempt}",
        "grpc.method, grpc.target", "grpc.client.call.custom", true, "", "gRFC A66"),
    ("grpc.client.attempt.duration", Histogram, Float, "s",
        "grpc.method, grpc.target, grpc.status", "grpc.lb.locality, grpc.lb.backend_service, grpc.client.call.custom", true, LATENCY, "gRFC A66"),
    ("grpc.client.attempt.sent_total_compressed_message_size", Histogram, Integer, "By",
        "grpc.method, grpc.target, grpc.status", "grpc.lb.locality, grpc.lb.backend_service, grpc.client.call.custom", true, SIZE, "gRFC A66"),
    ("grpc.client.attempt.rcvd_total_compressed_message_size", Histogram, Integer, "By",
        "grpc.method, grpc.target, grpc.status", "grpc.lb.locality, grpc.lb.backend_service, grpc.client.call.custom", true, SIZE, "gRFC A66"),
    ("grpc.client.call.duration", Histogram, Float, "s",
        "grpc.method, grpc.target, grpc.status", "grpc.client.call.custom", true, LATENCY, "gRFC A66"),

    ("grpc.client.call.retries", Histogram, Integer, "{retry}",
        "grpc.method, grpc.target", "grpc.client.call.custom", false, "1, 2, 3, 4, 5", "gRFC A96"),
    ("grpc.client.call.transparent_retries", Histogram, Integer, "{transparent_retry}",
        "grpc.method, grpc.target", "grpc.client.call.custom", false, "1, 2, 3, 4, 5, 10", "gRFC A96"),
    ("grpc.client.call.hedges", Histogram, Integer, "{hedge}",
        "grpc.method, grpc.target", "grpc.client.call.custom", false, "1, 2, 3, 4, 5", "gRFC A96"),
    ("grpc.client.call.retry_delay", Histogram, Float, "s",
        "grpc.method, grpc.target", "grpc.client.call.custom", false, LATENCY, "gRFC A96"),

    ("grpc.subchannel.disconnections", Counter, Integer, "{disconnection}",
        "grpc.target", "grpc.lb.backend_service, grpc.lb.locality, grpc.disconnect_error", false, "", "gRFC A94"),
    ("grpc.subchannel.connection_attempts_succeeded", Counter, Integer, "{attempt}",
        "grpc.target", "grpc.lb.backend_service, grpc.lb.locality", false, "", "gRFC A94"),
    ("grpc.subchannel.connection_attempts_failed", Counter, Integer, "{attempt}",
        "grpc.target", "grpc.lb.backend_service, grpc.lb.locality", false, "", "gRFC A94"),
    ("grpc.subchannel.open_connections", UpDownCounter, Integer, "{connection}",
        "grpc.target", "grpc.security_level, grpc.lb.backend_service, grpc.lb.locality", false, "", "gRFC A94"),

    ("grpc.lb.outlier_detection.ejections_enforced", Counter, Integer, "{ejection}",
        "grpc.target, grpc.lb.outlier_detection.detection_method", "grpc.lb.backend_service", false, "", "gRFC A91"),
    ("grpc.lb.outlier_detection.ejections_unenforced", Counter, Integer, "{ejection}",
        "grpc.target, grpc.lb.outlier_detection.detection_method, grpc.lb.outlier_detection.unenforced_reason",
        "grpc.lb.backend_service", false, "", "gRFC A91"),

    ("grpc.lb.wrr.rr_fallback", Counter, Integer, "{update}",
        "grpc.target", "grpc.lb.locality, grpc.lb.backend_service", false, "", "gRFC A78"),
    ("grpc.lb.wrr.endpoint_weight_not_yet_usable", Counter, Integer, "{endpoint}",
        "grpc.target", "grpc.lb.locality, grpc.lb.backend_service", false, "", "gRFC A78"),
    ("grpc.lb.wrr.endpoint_weight_stale", Counter, Integer, "{endpoint}",
        "grpc.target", "grpc.lb.locality, grpc.lb.backend_service", false, "", "gRFC A78"),
    ("grpc.lb.wrr.endpoint_weights", Histogram, Float, "{weight}",
        "grpc.target", "grpc.lb.locality, grpc.lb.backend_service", false, "", "gRFC A78"),

    ("grpc.client.tls.handshakes", Counter, Integer, "{handshake}",
        "grpc.tls.handshake.result, grpc.target",
        "grpc.tls.handshake.resumed, grpc.lb.locality, grpc.lb.backend_service", false, "", "gRFC A118"),

    ("grpc.xds_client.connected", Gauge, Integer, "{bool}",
        "grpc.target, grpc.xds.server", "", false, "", "gRFC A78"),
    ("grpc.xds_client.server_failure", Counter, Integer, "{failure}",
        "grpc.target, grpc.xds.server", "", false, "", "gRFC A78"),
    ("grpc.xds_client.resource_updates_valid", Counter, Integer, "{resource}",
        "grpc.target, grpc.xds.server, grpc.xds.resource_type", "", false, "", "gRFC A78"),
    ("grpc.xds_client.resource_updates_invalid", Counter, Integer, "{resource}",
        "grpc.target, grpc.xds.server, grpc.xds.resource_type", "", false, "", "gRFC A78"),
    ("grpc.xds_client.resources", Gauge, Integer, "{resource}",
        "grpc.target, grpc.xds.authority, grpc.xds.cache_state, grpc.xds.resource_type", "", false, "", "gRFC A78"),

    ("trunkline.client.calls.open", UpDownCounter, Integer, "{call}",
        "grpc.target", "", false, "", ""),
    ("trunkline.client.attempts.waiting", UpDownCounter, Integer, "{attempt}",
        "grpc.target", "", false, "", ""),
    ("trunkline.client.attempt.wait", Histogram, Float, "s",
        "grpc.target", "", false, LATENCY, ""),
    ("trunkline.tls.handshake.duration", Histogram, Float, "s",
        "grpc.tls.handshake.result, grpc.target",
        "grpc.tls.handshake.resumed, grpc.lb.locality, grpc.lb.backend_service", false, LATENCY, ""),
    ("trunkline.resolver.lookups", Counter, Integer, "{lookup}",
        "grpc.target, trunkline.resolver.outcome", "", false, "", ""),
    ("trunkline.resolver.lookup.duration", Histogram, Float, "s",
        "grpc.target, trunkline.resolver.outcome", "", false, LATENCY, ""),
    ("trunkline.channels", UpDownCounter, Integer, "{channel}",
        "grpc.target, trunkline.channel.state", "", false, "", ""),
];

/// Every instrument of the gRFCs that a channel, or its client of xDS, can record is there, as they
/// define it, and no other one with the prefix `grpc.`.
#[test]
fn all_instruments_are_as_defined() {
    assert_eq!(instruments::ALL.len(), ROWS.len());
    for (instrument, expected) in instruments::ALL.iter().zip(ROWS) {
        let Instrument {
            name,
            kind,
            value,
            unit,
            labels,
            optional_labels,
            is_default,
            buckets,
            source,
            ..
        } = **instrument;
        let keys = |keys: &[LabelKey]| {
            let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
            keys.join(", ")
        };
        let bounds = |text: &str| -> Vec<f64> {
            let bounds = text.split(", ").filter(|bound| !bound.is_empty());
            bounds
                .map(|bound| bound.parse().expect("a bound"))
                .collect()
        };
        let (labels, optional) = (keys(labels), keys(optional_labels));
        let expected_buckets = bounds(expected.7);
        let found = (name, kind, value, unit, &*labels, &*optional, is_default);
        let (a, b, c, d, e, f, g, _, h) = *expected;
        assert_eq!(found, (a, b, c, d, e, f, g), "{name}");
        assert_eq!((buckets, source), (&*expected_buckets, h), "{name}");
    }
}

/// Names are unique (gRFC A79), every instrument has a description, and buckets ascend.
#[test]
fn instruments_are_complete() {
    let names: BTreeSet<&str> = instruments::ALL.iter().map(|own| own.name).collect();
    assert_eq!(names.len(), instruments::ALL.len());
    for instrument in instruments::ALL {
        assert!(!instrument.description.is_empty(), "{}", instrument.name);
        assert!(instrument.buckets.is_sorted(), "{}", instrument.name);
        assert_eq!(instruments::find(instrument.name), Some(*instrument));
    }
}
