//! What policies report: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md)
//! and [gRFC A91](https://github.com/grpc/proposal/blob/master/A91-outlier-detection-metrics.md).

use trunkline_sim::Sim;
use trunkline_status::Code;
use trunkline_telemetry::instruments;

use crate::world::{GET, MS, SECOND, backend, builder, call, failing, measured_with, only, target};

const OUTLIER_DETECTION: &str = r#"{"loadBalancingConfig": [{"outlier_detection_experimental": {
    "interval": "10s", "maxEjectionPercent": 20,
    "failurePercentageEjection": {"threshold": 40, "minimumHosts": 3, "requestVolume": 10},
    "childPolicy": [{"round_robin": {}}]}}]}"#;

const WEIGHTED: &str = r#"{"loadBalancingConfig": [{"weighted_round_robin": {}}]}"#;

/// Of two outliers one is ejected, and the other is not, because as many are ejected as the
/// configuration allows.
#[test]
fn ejections_are_counted() {
    let sim = Sim::new(1);
    for host in [1, 2, 3, 4] {
        let backend = backend(&sim, host);
        if host > 2 {
            backend.set_reply(failing(Code::Internal));
        }
    }
    let channel = builder(&sim, 4).default_service_config(OUTLIER_DETECTION);
    let options = only(&[
        &instruments::EJECTIONS_ENFORCED,
        &instruments::EJECTIONS_UNENFORCED,
    ]);
    let (channel, sink) = measured_with(channel, options);
    sim.run(async {
        call(&channel, GET, b"").await;
        sim.sleep(SECOND).await;
        for _ in 0..60 {
            call(&channel, GET, b"").await;
        }
        sim.sleep(10 * SECOND).await;
    });
    let method = "grpc.lb.outlier_detection.detection_method=failure_percentage";
    let reason = "grpc.lb.outlier_detection.unenforced_reason=max_ejection_overflow";
    let target = target(4);
    assert_eq!(
        sink.lines(),
        [
            format!(
                "grpc.lb.outlier_detection.ejections_enforced{{grpc.target={target}, {method}}} 1"
            ),
            format!(
                "grpc.lb.outlier_detection.ejections_unenforced{{grpc.target={target}, {method}, {reason}}} 1"
            ),
        ]
    );
}

/// At each update of its schedule, weighted_round_robin reports the weights, and the endpoints that have
/// none: here all, because no backend reports its load. With one endpoint there is one update, with two
/// there is one a second.
#[test]
fn weights_are_recorded() {
    let sim = Sim::new(1);
    for host in [1, 2] {
        backend(&sim, host);
    }
    let channel = builder(&sim, 2).default_service_config(WEIGHTED);
    let options = only(&[
        &instruments::RR_FALLBACK,
        &instruments::ENDPOINT_WEIGHT_NOT_YET_USABLE,
        &instruments::ENDPOINT_WEIGHT_STALE,
        &instruments::ENDPOINT_WEIGHTS,
    ]);
    let (channel, sink) = measured_with(channel, options);
    sim.run(async {
        call(&channel, GET, b"").await;
        sim.sleep(500 * MS).await;
        sink.clear();
        sim.sleep(2 * SECOND).await;
    });
    let lines = [
        "endpoint_weight_not_yet_usable{grpc.target=TARGET} 4",
        "endpoint_weights{grpc.target=TARGET} [0, 0, 0, 0]",
        "rr_fallback{grpc.target=TARGET} 2",
    ];
    let target = target(2);
    let lines = lines.map(|line| format!("grpc.lb.wrr.{line}").replace("TARGET", &target));
    assert_eq!(sink.lines(), lines);
}
