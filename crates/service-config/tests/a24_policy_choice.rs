//! The choice of a policy: [gRFC A24](https://github.com/grpc/proposal/blob/master/A24-lb-policy-config.md).

mod parsers;

use parsers::{Config, bad, good};
use trunkline_service_config::{PolicyConfig, ServiceConfig};

/// Checks the name of the chosen policy and the value of its one field.
fn check(json: &str, name: &str, shuffle: bool) {
    let config = good(json);
    let choice = config.policy().expect("a policy is chosen");
    assert_eq!(&*choice.name, name, "{json}");
    let expected = Config(name.to_owned(), shuffle);
    assert!(
        choice.config.equals(&expected as &dyn PolicyConfig),
        "{json}"
    );
}

/// The first known policy of the list is chosen. Entries before it must have the shape of a policy;
/// entries after it may have any value.
#[test]
fn first_known_wins() {
    check(
        r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#,
        "round_robin",
        false,
    );
    check(
        r#"{"loadBalancingConfig": [{"new_v9": 7}, {"pick_first": {"shuffleAddressList": true}}, {"round_robin": {}}]}"#,
        "pick_first",
        true,
    );
    check(
        r#"{"loadBalancingConfig": [{"pick_first": null}, 3]}"#,
        "pick_first",
        false,
    );
    check(
        r#"{"loadBalancingConfig": [{"pick_first": {"later": [], "shuffleAddressList": null}}]}"#,
        "pick_first",
        false,
    );
}

/// A list without a known policy and a list of another shape are errors. A bad configuration of the
/// first known policy is an error too, whatever policies follow.
#[test]
fn bad_lists() {
    let cases = [
        ("[]", "loadBalancingConfig: expected at least one policy"),
        (
            "{}",
            "loadBalancingConfig: expected an array, found an object",
        ),
        (
            r#"[{"a": {}}, {"b": {}}]"#,
            "loadBalancingConfig: no policy of this list is known here: a, b; known are: pick_first, round_robin",
        ),
        (
            "[{}]",
            "loadBalancingConfig[0]: expected exactly one field, the policy's name",
        ),
        (
            r#"[{"a": {}, "b": {}}]"#,
            "loadBalancingConfig[0]: expected exactly one field, the policy's name",
        ),
        (
            r#"[{"a": 1}, {"pick_first": {"shuffleAddressList": 666}}, {"round_robin": {}}]"#,
            "loadBalancingConfig[1].pick_first.shuffleAddressList: expected true or false, found 666",
        ),
        (
            r#"[{"a": 1}, 7]"#,
            "loadBalancingConfig[1]: expected an object, found 7",
        ),
        (
            r#"[{"Round_Robin": {}}]"#,
            "loadBalancingConfig: no policy of this list is known here: Round_Robin; known are: pick_first, round_robin",
        ),
    ];
    for (list, expected) in cases {
        assert_eq!(
            bad(&format!(r#"{{"loadBalancingConfig": {list}}}"#)),
            expected
        );
    }
}

/// The deprecated field is a policy's name in upper or lower case. It is used only if there is no
/// list.
#[test]
fn deprecated_name() {
    check(
        r#"{"loadBalancingPolicy": "round_robin"}"#,
        "round_robin",
        false,
    );
    check(
        r#"{"loadBalancingPolicy": "ROUND_ROBIN"}"#,
        "round_robin",
        false,
    );
    check(
        r#"{"loadBalancingPolicy": "nonsense", "loadBalancingConfig": [{"pick_first": {}}]}"#,
        "pick_first",
        false,
    );
    assert_eq!(
        good(r#"{"loadBalancingPolicy": ""}"#),
        ServiceConfig::default()
    );
    assert_eq!(
        good(r#"{"loadBalancingPolicy": "UNSPECIFIED"}"#),
        ServiceConfig::default()
    );
    assert_eq!(
        bad(r#"{"loadBalancingPolicy": "nonsense"}"#),
        "loadBalancingPolicy: no policy with the name \"nonsense\" is known here; known are: pick_first, round_robin"
    );
    assert_eq!(
        bad(r#"{"loadBalancingPolicy": 1}"#),
        "loadBalancingPolicy: expected a string, found 1"
    );
}
