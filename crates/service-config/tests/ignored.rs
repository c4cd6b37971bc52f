//! The parts of a valid config that have no effect.

mod parsers;

use parsers::good;
use trunkline_service_config::{IgnoredPart, IgnoredReason};

fn check(json: &str, expected: &[(&str, IgnoredReason)]) {
    let expected: Vec<IgnoredPart> = expected
        .iter()
        .map(|(pointer, reason)| IgnoredPart::new(*pointer, reason.clone()))
        .collect();
    assert_eq!(good(json).ignored(), expected, "{json}");
}

/// Unknown fields are reported wherever the grammar has fields; a `null` too, because the field is
/// there.
#[test]
fn unknown_fields() {
    use IgnoredReason::UnknownField;
    check("{}", &[]);
    check(r#"{"x": null}"#, &[("/x", UnknownField)]);
    check(
        r#"{
            "a/b": 1,
            "methodConfig": [{"name": [{"service": "a", "z": 1}], "timeOut": "1s",
                "retryPolicy": {"maxAttempts": 2, "initialBackoff": "1s", "maxBackoff": "1s",
                    "backoffMultiplier": 1, "retryableStatusCodes": [1], "perAttemptRecvTimeout": "1s"}}],
            "healthCheckConfig": {"service": "a"},
            "retryThrottling": {"maxTokens": 1, "tokenRatio": 1, "more": 1},
            "connectionScaling": {"more": 1}
        }"#,
        &[
            ("/a~1b", UnknownField),
            ("/connectionScaling/more", UnknownField),
            ("/healthCheckConfig/service", UnknownField),
            ("/methodConfig/0/name/0/z", UnknownField),
            (
                "/methodConfig/0/retryPolicy/perAttemptRecvTimeout",
                UnknownField,
            ),
            ("/methodConfig/0/timeOut", UnknownField),
            ("/retryThrottling/more", UnknownField),
        ],
    );
}

/// Policies that are skipped, the deprecated field beside the list, and entries without names.
#[test]
fn skipped_parts() {
    check(
        r#"{"loadBalancingPolicy": "round_robin",
            "loadBalancingConfig": [{"best_v9": {}}, {"pick_first": {}}, {"after": {}}],
            "methodConfig": [{"name": [{}]}, {"name": []}, {}]}"#,
        &[
            (
                "/loadBalancingConfig/0",
                IgnoredReason::UnknownPolicy("best_v9".to_owned()),
            ),
            ("/loadBalancingPolicy", IgnoredReason::Replaced),
            ("/methodConfig/1", IgnoredReason::NoName),
            ("/methodConfig/2", IgnoredReason::NoName),
        ],
    );
}

/// A name with a slash matches no call: the path of a gRPC call is `/service/method`.
///
/// Source: [gRPC over HTTP/2, Path](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
#[test]
fn names_with_a_slash() {
    check(
        r#"{"methodConfig": [
            {"name": [{"service": "shop.Orders", "method": "Get"}]},
            {"name": [{"service": "shop.Carts"}, {"service": "/shop.Orders/", "method": "/Get"}]},
            {"name": [{"service": "shop.Orders/Get"}]}]}"#,
        &[
            ("/methodConfig/1/name/1/service", IgnoredReason::Slash),
            ("/methodConfig/1/name/1/method", IgnoredReason::Slash),
            ("/methodConfig/2/name/0/service", IgnoredReason::Slash),
        ],
    );
}

/// A hostile config cannot make the list long.
#[test]
fn at_most_32() {
    let name = r#"{"name": [{"service": "/", "method": "/"}]}"#;
    let json = format!(r#"{{"methodConfig": [{name}]}}"#);
    assert_eq!(good(&json).ignored().len(), 2);
    let names: Vec<String> = (0..1000)
        .map(|at| format!(r#"{{"service": "/{at}"}}"#))
        .collect();
    let json = format!(r#"{{"methodConfig": [{{"name": [{}]}}]}}"#, names.join(","));
    assert_eq!(good(&json).ignored().len(), 32);
    let fields: Vec<String> = (0..1000).map(|at| format!(r#""x{at}": 1"#)).collect();
    let json = format!("{{{}}}", fields.join(","));
    assert_eq!(good(&json).ignored().len(), 32);
}

/// Ignored parts do not make configs differ.
#[test]
fn equality() {
    assert_eq!(good(r#"{"x": 1}"#), good("{}"));
}

/// The texts name the place and the reason.
#[test]
fn texts() {
    let config = good(r#"{"loadBalancingConfig": [{"best_v9": {}}, {"pick_first": {}}], "x": 1}"#);
    let texts: Vec<String> = config.ignored().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "/loadBalancingConfig/0 has no effect: no policy \"best_v9\" is registered",
            "/x has no effect: there is no such field",
        ]
    );
}
