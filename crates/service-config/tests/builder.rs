//! A config from typed parts, and back to JSON.

mod parsers;

use std::time::Duration;

use parsers::{Parsers, good};
use serde_json::{Value, json};
use trunkline_service_config::{
    AttemptPolicy, HedgingPolicy, MethodConfig, MethodName, RetryPolicy, RetryThrottling,
    ServiceConfig, ServiceConfigBuilder,
};
use trunkline_status::Code;

/// Returns a builder of a config with every part.
fn everything() -> ServiceConfigBuilder {
    let retry = RetryPolicy::new(4, [Code::Unavailable, Code::Aborted, Code::Unavailable])
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::new(3, 1))
        .with_backoff_multiplier(1.7);
    let hedging = HedgingPolicy::new(3)
        .with_delay(Duration::from_millis(500))
        .with_non_fatal_codes([Code::Internal]);
    ServiceConfig::builder()
        .policy("best_v9", json!({"a": [1]}))
        .policy("pick_first", json!({"shuffleAddressList": true}))
        .method(
            [
                MethodName::of_method("a.S", "M"),
                MethodName::of_service("a.T"),
            ],
            MethodConfig::default()
                .with_wait_for_ready(true)
                .with_timeout(Duration::from_millis(1500))
                .with_max_request_message_bytes(0)
                .with_max_response_message_bytes(u32::MAX)
                .with_attempts(AttemptPolicy::Retry(retry)),
        )
        .method(
            [MethodName::all()],
            MethodConfig::default().with_attempts(AttemptPolicy::Hedging(hedging)),
        )
        .retry_throttling(RetryThrottling::new(10, 546))
        .health_check("")
        .max_connections_per_subchannel(3)
}

/// The typed parts make the config that their JSON makes.
#[test]
fn typed_parts_equal_json() {
    let built = everything().build(&Parsers).expect("a valid config");
    let json = r#"{
        "loadBalancingConfig": [{"pick_first": {"shuffleAddressList": true}}],
        "methodConfig": [
            {
                "name": [{"service": "a.S", "method": "M"}, {"service": "a.T"}],
                "waitForReady": true,
                "timeout": "1.5s",
                "maxRequestMessageBytes": 0,
                "maxResponseMessageBytes": 4294967295,
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "3.000000001s",
                    "backoffMultiplier": 1.7,
                    "retryableStatusCodes": ["ABORTED", "UNAVAILABLE"]
                }
            },
            {
                "name": [{}],
                "hedgingPolicy": {
                    "maxAttempts": 3,
                    "hedgingDelay": "0.5s",
                    "nonFatalStatusCodes": ["INTERNAL"]
                }
            }
        ],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.546},
        "healthCheckConfig": {"serviceName": ""},
        "connectionScaling": {"maxConnectionsPerSubchannel": 3}
    }"#;
    assert_eq!(built, good(json));
    // Printed, it is that JSON.
    let printed: Value = serde_json::from_str(&built.to_json()).expect("JSON");
    let expected: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(printed, expected);
    assert_eq!(good(&built.to_json()), built);
}

/// Without parts it is the empty config, and that is printed as such.
#[test]
fn empty() {
    let built = ServiceConfig::builder().build(&Parsers).expect("a config");
    assert_eq!(built, ServiceConfig::default());
    assert_eq!(built.to_json(), "{}");
}

/// The builder checks what the parser checks, with the same errors.
#[test]
fn mistakes() {
    let check = |builder: ServiceConfigBuilder, pointer: &str, reason: &str| {
        let error = builder.build(&Parsers).expect_err("a mistake");
        assert_eq!((&*error.pointer(), error.reason()), (pointer, reason));
    };
    let method = |names: Vec<MethodName>, attempts: Option<AttemptPolicy>| {
        let mut config = MethodConfig::default();
        config.attempts = attempts;
        ServiceConfig::builder().method(names, config)
    };
    check(
        method(vec![MethodName::of_method("", "M")], None),
        "/methodConfig/0/name/0",
        "expected a service beside the method \"M\"",
    );
    check(
        method(vec![MethodName::all(), MethodName::all()], None),
        "/methodConfig/0/name/1",
        "this name has a config already; a name may be given once",
    );
    let retry = AttemptPolicy::Retry(RetryPolicy::new(1, [Code::Aborted]));
    check(
        method(vec![MethodName::all()], Some(retry)),
        "/methodConfig/0/retryPolicy/maxAttempts",
        "expected an integer of 2 or more, found 1",
    );
    let retry = AttemptPolicy::Retry(RetryPolicy::new(2, []));
    check(
        method(vec![MethodName::all()], Some(retry)),
        "/methodConfig/0/retryPolicy/retryableStatusCodes",
        "expected at least one status code",
    );
    let throttling = RetryThrottling::new(1001, 1);
    check(
        ServiceConfig::builder().retry_throttling(throttling),
        "/retryThrottling/maxTokens",
        "expected an integer from 1 to 1000, found 1001",
    );
    check(
        ServiceConfig::builder().policy("best_v9", json!({})),
        "/loadBalancingConfig",
        "no policy of this list is known here: best_v9; known are: pick_first, round_robin",
    );
}

/// The entries can be listed, in their order.
#[test]
fn entries() {
    let config = everything().build(&Parsers).expect("a valid config");
    let names: Vec<Vec<(&str, &str)>> = config
        .methods()
        .map(|(names, _)| {
            let names = names.iter();
            names.map(|name| (name.service(), name.method())).collect()
        })
        .collect();
    assert_eq!(names, [vec![("a.S", "M"), ("a.T", "")], vec![("", "")]]);
}

/// A config is printed so that it can be parsed again: the deprecated field as a list, numbers to the
/// last digit.
#[test]
fn print_and_parse() {
    for json in [
        r#"{"loadBalancingPolicy": "ROUND_ROBIN"}"#,
        r#"{"loadBalancingConfig": [{"x": 1}, {"pick_first": null}]}"#,
        r#"{"methodConfig": [{"timeout": "1s"}, {"name": []}]}"#,
        r#"{"methodConfig": [{"name": [{}], "timeout": "315576000000s"}]}"#,
        r#"{"methodConfig": [{"name": [{}], "timeout": ".000000001s"}]}"#,
        r#"{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 2, "maxBackoff": "1s",
            "initialBackoff": "1s", "backoffMultiplier": 122.416294033786585e-20,
            "retryableStatusCodes": ["OK"]}}]}"#,
        r#"{"retryThrottling": {"maxTokens": 1000, "tokenRatio": 1000000}}"#,
        r#"{"retryThrottling": {"maxTokens": 1, "tokenRatio": 0.0019}}"#,
        r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 0}}"#,
    ] {
        let config = good(json);
        assert_eq!(good(&config.to_json()), config, "{json}");
    }
}
