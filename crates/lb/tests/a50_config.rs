//! The configuration of outlier detection.
//!
//! Source:
//! [gRFC A50](https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md#outlier-detection-lb-policy-configuration).

use std::time::Duration;

use serde_json::{Value, json};
use trunkline_lb::{
    FailurePercentageEjection, OutlierDetectionConfig, OutlierDetectionFactory, PolicyFactory,
    PolicyRegistry, SuccessRateEjection,
};
use trunkline_service_config::{PolicyChoice, ServiceConfig};

const SECOND: Duration = Duration::from_secs(1);

/// Returns `config` with round_robin as its child.
fn with_child(mut config: Value) -> Value {
    config["childPolicy"] = json!([{ "round_robin": {} }]);
    config
}

/// Returns the default configuration over round_robin.
fn over_round_robin() -> OutlierDetectionConfig {
    let child = json!([{ "round_robin": {} }]);
    let child = PolicyChoice::parse(&child, &PolicyRegistry::standard());
    OutlierDetectionConfig::new(child.expect("a known policy"))
}

#[track_caller]
fn check(config: Value, expected: OutlierDetectionConfig) {
    let parsed = OutlierDetectionFactory.parse_config(&config, &PolicyRegistry::standard());
    let parsed = parsed.unwrap_or_else(|error| panic!("{config}: {error}"));
    assert!(parsed.equals(&expected), "{parsed:?} is not {expected:?}");
}

/// Checks the JSON pointer and the reason of the error.
#[track_caller]
fn check_error(config: Value, pointer: &str, reason: &str) {
    let parsed = OutlierDetectionFactory.parse_config(&config, &PolicyRegistry::standard());
    let error = parsed.expect_err("a bad value");
    // The list of all policies, which may come after the reason, changes with each new one.
    let found = error.reason().split("; known are: ").next();
    assert_eq!((&*error.pointer(), found), (pointer, Some(reason)));
}

/// Without a method: the times have their defaults, and nothing is ejected. So is a field that is `null`.
#[test]
fn defaults() {
    check(with_child(json!({})), over_round_robin());
    let config = json!({
        "interval": null,
        "baseEjectionTime": null,
        "maxEjectionTime": null,
        "maxEjectionPercent": null,
        "successRateEjection": null,
        "failurePercentageEjection": null,
    });
    check(with_child(config), over_round_robin());
    let config = over_round_robin();
    assert_eq!(
        (config.interval, config.base_ejection_time),
        (10 * SECOND, 30 * SECOND)
    );
    assert_eq!(
        (config.max_ejection_time, config.max_ejection_percent),
        (300 * SECOND, 10)
    );
    assert_eq!(
        (config.success_rate, config.failure_percentage),
        (None, None)
    );
}

/// An empty method has the defaults of its fields.
#[test]
fn defaults_of_the_methods() {
    let success_rate = SuccessRateEjection::default();
    check(
        with_child(json!({ "successRateEjection": {} })),
        over_round_robin().with_success_rate(success_rate),
    );
    assert_eq!(
        success_rate,
        SuccessRateEjection::default()
            .with_stdev_factor(1900)
            .with_enforcement_percentage(100)
            .with_minimum_hosts(5)
            .with_request_volume(100)
    );
    let failure_percentage = FailurePercentageEjection::default();
    check(
        with_child(json!({ "failurePercentageEjection": {} })),
        over_round_robin().with_failure_percentage(failure_percentage),
    );
    assert_eq!(
        failure_percentage,
        FailurePercentageEjection::default()
            .with_threshold(85)
            .with_enforcement_percentage(100)
            .with_minimum_hosts(5)
            .with_request_volume(50)
    );
}

/// A field that is present replaces its default alone.
#[test]
fn some_fields() {
    check(
        with_child(json!({
            "interval": "1.5s",
            "successRateEjection": { "stdevFactor": 500 },
            "failurePercentageEjection": { "requestVolume": 7, "threshold": null },
        })),
        over_round_robin()
            .with_interval(Duration::from_millis(1500))
            .with_success_rate(SuccessRateEjection::default().with_stdev_factor(500))
            .with_failure_percentage(FailurePercentageEjection::default().with_request_volume(7)),
    );
}

/// Every field, and an unknown one, which is ignored.
#[test]
fn all_fields() {
    check(
        with_child(json!({
            "interval": "15s",
            "baseEjectionTime": "20s",
            "maxEjectionTime": "400s",
            "maxEjectionPercent": 50,
            "successRateEjection": {
                "stdevFactor": 600,
                "enforcementPercentage": 75,
                "minimumHosts": 3,
                "requestVolume": 40,
            },
            "failurePercentageEjection": {
                "threshold": 80,
                "enforcementPercentage": 25,
                "minimumHosts": 4,
                "requestVolume": 30,
            },
            "consecutive5xx": 3,
        })),
        over_round_robin()
            .with_interval(15 * SECOND)
            .with_base_ejection_time(20 * SECOND)
            .with_max_ejection_time(400 * SECOND)
            .with_max_ejection_percent(50)
            .with_success_rate(
                SuccessRateEjection::default()
                    .with_stdev_factor(600)
                    .with_enforcement_percentage(75)
                    .with_minimum_hosts(3)
                    .with_request_volume(40),
            )
            .with_failure_percentage(
                FailurePercentageEjection::default()
                    .with_threshold(80)
                    .with_enforcement_percentage(25)
                    .with_minimum_hosts(4)
                    .with_request_volume(30),
            ),
    );
}

/// Zero is a value of its own, not the default, and 100 percent is allowed.
#[test]
fn zeros_and_hundreds() {
    check(
        with_child(json!({
            "interval": "0s",
            "baseEjectionTime": "0s",
            "maxEjectionTime": "0s",
            "maxEjectionPercent": 0,
            "successRateEjection": {
                "stdevFactor": 0,
                "enforcementPercentage": 0,
                "minimumHosts": 0,
                "requestVolume": 0,
            },
            "failurePercentageEjection": {
                "threshold": 0,
                "enforcementPercentage": 0,
                "minimumHosts": 0,
                "requestVolume": 0,
            },
        })),
        over_round_robin()
            .with_interval(Duration::ZERO)
            .with_base_ejection_time(Duration::ZERO)
            .with_max_ejection_time(Duration::ZERO)
            .with_max_ejection_percent(0)
            .with_success_rate(
                SuccessRateEjection::default()
                    .with_stdev_factor(0)
                    .with_enforcement_percentage(0)
                    .with_minimum_hosts(0)
                    .with_request_volume(0),
            )
            .with_failure_percentage(
                FailurePercentageEjection::default()
                    .with_threshold(0)
                    .with_enforcement_percentage(0)
                    .with_minimum_hosts(0)
                    .with_request_volume(0),
            ),
    );
    let all =
        json!({ "maxEjectionPercent": 100, "failurePercentageEjection": { "threshold": 100 } });
    let failure_percentage = FailurePercentageEjection::default().with_threshold(100);
    let expected = over_round_robin()
        .with_max_ejection_percent(100)
        .with_failure_percentage(failure_percentage);
    check(with_child(all), expected);
}

/// "The `google.protobuf.Duration` fields [..] must obey the restrictions [..] and they must have
/// non-negative values."
#[test]
fn durations_are_checked() {
    for field in ["interval", "baseEjectionTime", "maxEjectionTime"] {
        let pointer = format!("/{field}");
        check_error(
            with_child(json!({ field: "-1s" })),
            &pointer,
            "expected a duration that is not negative, found \"-1s\"",
        );
        check_error(
            with_child(json!({ field: "315576000001s" })),
            &pointer,
            "expected at most 315576000000 seconds, found \"315576000001s\"",
        );
        check_error(
            with_child(json!({ field: "--1s" })),
            &pointer,
            "expected decimal seconds such as \"1.5s\", found \"--1s\"",
        );
        check_error(
            with_child(json!({ field: 10 })),
            &pointer,
            "expected a string, found 10",
        );
    }
}

/// "`max_ejection_percent`, `enforcement_percentage` and `threshold` must have values less than or equal
/// to 100."
#[test]
fn percentages_are_checked() {
    let reason = "expected an integer from 0 to 100, found 101";
    let check = |config, pointer| check_error(with_child(config), pointer, reason);
    check(json!({ "maxEjectionPercent": 101 }), "/maxEjectionPercent");
    check(
        json!({ "successRateEjection": { "enforcementPercentage": 101 } }),
        "/successRateEjection/enforcementPercentage",
    );
    check(
        json!({ "failurePercentageEjection": { "enforcementPercentage": 101 } }),
        "/failurePercentageEjection/enforcementPercentage",
    );
    check(
        json!({ "failurePercentageEjection": { "threshold": 101 } }),
        "/failurePercentageEjection/threshold",
    );
}

/// Numbers are not negative, have no fraction and fit into 32 bits; a method is an object.
#[test]
fn numbers_and_objects_are_checked() {
    for number in [json!(-1), json!(1.5), json!(4_294_967_296_u64), json!("5")] {
        check_error(
            with_child(json!({ "successRateEjection": { "minimumHosts": number } })),
            "/successRateEjection/minimumHosts",
            &format!("expected an integer from 0 to 4294967295, found {number}"),
        );
    }
    check_error(
        with_child(json!({ "failurePercentageEjection": [] })),
        "/failurePercentageEjection",
        "expected an object, found an array",
    );
    check_error(json!([]), "", "expected an object, found an array");
}

/// A configuration without a child is an error when it is parsed, not when it is used. grpc-go accepts it,
/// and crashes later.
#[test]
fn the_child_is_required() {
    check_error(json!({}), "/childPolicy", "is missing");
    check_error(Value::Null, "/childPolicy", "is missing");
    check_error(json!({ "childPolicy": null }), "/childPolicy", "is missing");
    let unknown = json!({ "childPolicy": [{ "mine_v2": {} }] });
    let reason = "no policy of this list is known here: mine_v2";
    check_error(unknown, "/childPolicy", reason);
    let bad = json!({ "childPolicy": [{ "pick_first": { "shuffleAddressList": 1 } }] });
    let pointer = "/childPolicy/0/pick_first/shuffleAddressList";
    check_error(bad, pointer, "expected true or false, found 1");
}

/// The first child that is known is used, and other clients' policies before it are skipped.
#[test]
fn the_first_known_child_is_used() {
    let config = json!({ "childPolicy": [{ "mine_v2": {} }, { "round_robin": {} }] });
    check(config, over_round_robin());
}

/// The policy is found by gRPC's name, and by the name without `_experimental`. The pointer of an error
/// leads through the whole service config.
#[test]
fn in_a_service_config() {
    for name in ["outlier_detection_experimental", "outlier_detection"] {
        let policies = PolicyRegistry::standard();
        let parse = |config| {
            let list = json!({ "loadBalancingConfig": [{ name: config }] });
            ServiceConfig::parse(&list.to_string(), &policies)
        };
        let config = parse(with_child(json!({ "interval": "5s" }))).expect("a valid config");
        let choice = config.policy().expect("a policy");
        let expected = over_round_robin().with_interval(5 * SECOND);
        assert!(choice.config.equals(&expected), "{choice:?}");
        let error = parse(json!({ "interval": "5s" })).expect_err("no child");
        let pointer = format!("/loadBalancingConfig/0/{name}/childPolicy");
        assert_eq!(error.pointer(), pointer);
    }
}
