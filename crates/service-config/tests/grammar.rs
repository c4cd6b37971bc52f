//! The grammar of a service config:
//! [service_config.proto](https://github.com/grpc/grpc-proto/blob/master/grpc/service_config/service_config.proto).

mod parsers;

use std::time::Duration;

use parsers::{bad, good, parse};
use trunkline_service_config::{AttemptPolicy, ServiceConfig};
use trunkline_status::Code;

/// A config with every field.
const EVERYTHING: &str = r#"{
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": "a.S", "method": "M"}, {"service": "a.T"}],
            "waitForReady": true,
            "timeout": "1.5s",
            "maxRequestMessageBytes": 0,
            "maxResponseMessageBytes": 4294967295,
            "retryPolicy": {
                "maxAttempts": 9,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["unavailable", 10, "UNAVAILABLE"]
            }
        },
        {
            "name": [{}],
            "hedgingPolicy": {"maxAttempts": 2, "nonFatalStatusCodes": [14]}
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.5466},
    "healthCheckConfig": {"serviceName": ""},
    "connectionScaling": {"maxConnectionsPerSubchannel": 3},
    "fromTheFuture": [1, 2, 3]
}"#;

#[test]
fn every_field() {
    let config = good(EVERYTHING);
    assert_eq!(
        config.policy().map(|choice| &*choice.name),
        Some("round_robin")
    );
    let method = config.method("/a.S/M").expect("the method has a config");
    assert_eq!(method.wait_for_ready, Some(true));
    assert_eq!(method.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(method.max_request_message_bytes, Some(0));
    assert_eq!(method.max_response_message_bytes, Some(u32::MAX));
    let Some(AttemptPolicy::Retry(retry)) = &method.attempts else {
        panic!("expected a retry policy, found {:?}", method.attempts);
    };
    assert_eq!(retry.max_attempts, 9);
    assert_eq!(retry.initial_backoff, Duration::from_millis(100));
    assert_eq!(retry.max_backoff, Duration::from_secs(1));
    assert_eq!(retry.backoff_multiplier, 2.0);
    assert_eq!(retry.retryable_codes, [Code::Aborted, Code::Unavailable]);
    let Some(AttemptPolicy::Hedging(hedging)) = &config
        .method("/b.U/M")
        .and_then(|method| method.attempts.clone())
    else {
        panic!("expected a hedging policy");
    };
    assert_eq!(hedging.delay, Duration::ZERO);
    assert_eq!(hedging.non_fatal_codes, [Code::Unavailable]);
    let throttling = config.retry_throttling().expect("throttling is configured");
    assert_eq!(throttling.max_tokens, 10);
    assert_eq!(throttling.token_ratio_thousandths, 546);
    assert_eq!(config.health_check_service(), Some(""));
    assert_eq!(config.max_connections_per_subchannel(), Some(3));
}

/// The empty config is valid and equals the default. `null` is the same as absent.
#[test]
fn empty() {
    for json in [
        "{}",
        " {} ",
        r#"{"unknown": 1}"#,
        r#"{"methodConfig": null, "loadBalancingConfig": null, "loadBalancingPolicy": null,
            "retryThrottling": null, "healthCheckConfig": null, "connectionScaling": null}"#,
        r#"{"methodConfig": []}"#,
        r#"{"healthCheckConfig": {}}"#,
        r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 0}}"#,
    ] {
        assert_eq!(good(json), ServiceConfig::default(), "{json}");
    }
    assert_eq!(ServiceConfig::default().method("/a.S/M"), None);
}

/// A text that is not a JSON object is an error. Very deep nesting neither overflows the stack nor
/// takes long.
#[test]
fn no_object() {
    assert_eq!(bad("[]"), "expected an object, found an array");
    assert_eq!(bad("null"), "expected an object, found null");
    for json in ["", "{", "{} {}", r#"{"a": 1,}"#, "\u{feff}{}", "{'a': 1}"] {
        assert!(bad(json).starts_with("not JSON: "), "{json}");
    }
    for open in ["[", r#"{"loadBalancingConfig":[{"x":"#] {
        let deep = open.repeat(100_000);
        assert!(bad(&deep).contains("recursion limit"), "{open}");
    }
}

/// Two configs with the same values are equal, whatever the order of fields and the blanks.
#[test]
fn equality() {
    let again = EVERYTHING.replace(['\n', ' '], "");
    assert_eq!(good(EVERYTHING), good(&again));
    for (from, to) in [
        ("round_robin", "pick_first"),
        ("1.5s", "1.6s"),
        ("\"maxAttempts\": 9", "\"maxAttempts\": 8"),
        ("0.5466", "0.547"),
        ("\"\"", "\"x\""),
        ("Subchannel\": 3", "Subchannel\": 4"),
    ] {
        assert!(EVERYTHING.contains(from), "{from}");
        assert_ne!(
            good(EVERYTHING),
            good(&EVERYTHING.replace(from, to)),
            "{from}"
        );
    }
}

/// A config under a method's own name is preferred to one under its service's name, and that one to
/// the config under the empty name.
#[test]
fn most_specific_name() {
    let config = good(
        r#"{"methodConfig": [
            {"name": [{}], "timeout": "1s"},
            {"name": [{"service": "a.S"}], "timeout": "2s"},
            {"name": [{"service": "a.S", "method": "M"}, {"service": "b.S", "method": "M"}],
             "timeout": "3s"},
            {"name": [{"service": "c.S", "method": ""}], "timeout": "4s"}
        ]}"#,
    );
    let check = |path: &str, secs: u64| {
        let timeout = config.method(path).and_then(|method| method.timeout);
        assert_eq!(timeout, Some(Duration::from_secs(secs)), "{path}");
    };
    check("/a.S/M", 3);
    check("/a.S/N", 2);
    check("/a.S/", 2);
    check("/b.S/M", 3);
    check("/b.S/N", 1);
    check("/c.S/N", 4);
    check("/a.SS/M", 1);
    check("nonsense", 1);
    check("", 1);
}

/// A name may occur once in the whole config, and a name with a method needs a service.
#[test]
fn bad_names() {
    assert_eq!(
        bad(
            r#"{"methodConfig": [{"name": [{"service": "a"}]}, {"name": [{"service": "b"}, {"service": "a"}]}]}"#
        ),
        "methodConfig[1].name[1]: this name has a config already; a name may be given once"
    );
    assert_eq!(
        bad(r#"{"methodConfig": [{"name": [{}, {"service": "", "method": null}]}]}"#),
        "methodConfig[0].name[1]: this name has a config already; a name may be given once"
    );
    assert_eq!(
        bad(r#"{"methodConfig": [{"name": [{"method": "M"}]}]}"#),
        "methodConfig[0].name[0]: expected a service beside the method \"M\""
    );
}

/// An entry without names has no effect, but is checked (grpc-go does not check it).
#[test]
fn entry_without_names() {
    let config = good(r#"{"methodConfig": [{"timeout": "1s"}, {"name": [], "timeout": "1s"}]}"#);
    assert_eq!(config, ServiceConfig::default());
    assert!(parse(r#"{"methodConfig": [{"timeout": 1}]}"#).is_err());
    assert!(parse(r#"{"methodConfig": [{"name": [], "timeout": 1}]}"#).is_err());
}

/// A bad value in a known field is an error for the whole config, and the error contains its path.
#[test]
fn bad_values() {
    let method = |field: &str| format!(r#"{{"methodConfig": [{{"name": [{{}}], {field}}}]}}"#);
    let cases = [
        (
            method(r#""waitForReady": "true""#),
            "methodConfig[0].waitForReady: expected true or false, found \"true\"",
        ),
        (
            method(r#""timeout": 1"#),
            "methodConfig[0].timeout: expected a string, found 1",
        ),
        (
            method(r#""timeout": "1""#),
            "methodConfig[0].timeout: expected decimal seconds such as \"1.5s\", found \"1\"",
        ),
        (
            method(r#""maxRequestMessageBytes": -1"#),
            "methodConfig[0].maxRequestMessageBytes: expected an integer from 0 to 4294967295, found -1",
        ),
        (
            method(r#""maxResponseMessageBytes": "1""#),
            "methodConfig[0].maxResponseMessageBytes: expected an integer from 0 to 4294967295, found \"1\"",
        ),
        (
            method(r#""maxResponseMessageBytes": 1.5"#),
            "methodConfig[0].maxResponseMessageBytes: expected an integer from 0 to 4294967295, found 1.5",
        ),
        (
            method(r#""retryPolicy": {}"#),
            "methodConfig[0].retryPolicy.maxAttempts: is missing",
        ),
        (
            method(r#""hedgingPolicy": {"maxAttempts": 1}"#),
            "methodConfig[0].hedgingPolicy.maxAttempts: expected an integer of 2 or more, found 1",
        ),
        (
            r#"{"methodConfig": {}}"#.into(),
            "methodConfig: expected an array, found an object",
        ),
        (
            r#"{"methodConfig": [[]]}"#.into(),
            "methodConfig[0]: expected an object, found an array",
        ),
        (
            r#"{"retryThrottling": {"maxTokens": 10}}"#.into(),
            "retryThrottling.tokenRatio: is missing",
        ),
        (
            r#"{"healthCheckConfig": {"serviceName": 1}}"#.into(),
            "healthCheckConfig.serviceName: expected a string, found 1",
        ),
        (
            r#"{"connectionScaling": {"maxConnectionsPerSubchannel": -1}}"#.into(),
            "connectionScaling.maxConnectionsPerSubchannel: expected an integer from 0 to 4294967295, found -1",
        ),
    ];
    for (json, expected) in cases {
        assert_eq!(bad(&json), expected);
    }
}

/// An error quotes only the beginning of a long bad value.
#[test]
fn long_values_are_cut() {
    let json = format!(
        r#"{{"healthCheckConfig": {{"serviceName": [{}1]}}}}"#,
        "1,".repeat(9999)
    );
    assert_eq!(
        bad(&json),
        "healthCheckConfig.serviceName: expected a string, found an array"
    );
    let json = format!(r#"{{"retryThrottling": "{}"}}"#, "ä".repeat(9999));
    assert!(bad(&json).len() < 200, "{}", bad(&json));
}
