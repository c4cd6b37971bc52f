//! Tests of `--health`: calls go only to backends that report that they serve.

use serde_json::{Value, json};
use trunkline_testkit::backend::{Backend, Options, Program};

use crate::call::backend;
use crate::command::{object, trunkline, watch, watch_text, with_enough_calls};
use crate::raw_peer;

const SERVICE: &str = "helloworld.Greeter";

/// Starts a backend that reports NOT_SERVING, and answers calls all the same.
fn not_serving() -> Backend {
    let options = Options {
        serving: false,
        ..Options::new("not-serving")
    };
    Backend::start(&Program::ThisTest("backend_process"), &options).expect("a backend")
}

/// Calls go to the backend that serves, whichever other options make the service config. Without
/// `--health` both backends get calls.
#[test]
fn calls_go_to_backends_that_serve() {
    let (good, bad) = (backend("good"), not_serving());
    let (good, bad) = (good.address_v4().to_string(), bad.address_v4().to_string());
    let target = format!("ipv4:{bad},{good}");
    let args = ["call", &target, "--count=20", "--any-status"];
    let config = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;
    let same = json!({ "healthCheckConfig": { "serviceName": SERVICE } }).to_string();
    for more in [
        &[][..],
        &["--lb", "round_robin"],
        &["--service-config", config],
        &["--service-config", "{}"],
        &["--service-config", &same],
        &["--lb", "least_request"],
        &["--lb", "weighted_round_robin"],
        &["--retry", "3"],
        &["--hedge", "3/500", "--lb", "round_robin"],
        &["--runtime", "tokio"],
        &["--runtime", "smol"],
    ] {
        let (status, object) = object(&[&args[..], &["--health", SERVICE], more].concat());
        assert_eq!((status, &object["ok"]), (0, &json!(20)), "{object}");
        assert_eq!(object["backends"], json!({ &good: 20 }), "{more:?}");
        assert_eq!(object["warnings"], json!([]), "{more:?}");
    }
    let args = ["call", &target, "--lb=round_robin"];
    let called = |count| object(&[&args[..], &[&format!("--count={count}")]].concat()).1;
    let is_called = |object: &Value| object["backends"][&bad].as_u64() > Some(1);
    let object = with_enough_calls(called, is_called);
    assert!(is_called(&object), "{object}");
}

/// Where no backend serves, the call fails with the reason.
#[test]
fn no_backend_serves() {
    let bad = not_serving();
    let target = format!("ipv4:{}", bad.address_v4());
    let (status, object) = object(&["call", &target, "--health", ""]);
    assert_eq!(status, 1, "{object}");
    let message = object["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("not healthy: NOT_SERVING"), "{message}");
    let hint = "`trunkline watch TARGET --health SERVICE` shows the health of each backend";
    assert_eq!(object["error"]["suggestion"], hint);
}

/// A service that no backend knows, such as one with a slash, has a hint of its own.
#[test]
fn an_unknown_service() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let (status, object) = object(&["call", &target, "--health=/helloworld.Greeter"]);
    assert_eq!(status, 1, "{object}");
    let hint =
        "the backends do not know the --health service: give its full name, such as shop.Orders";
    assert_eq!(object["error"]["suggestion"], hint);
}

/// Health checks that cannot take effect are refused, and the text names both sides.
#[test]
fn conflicts_are_refused() {
    let other = r#"{"healthCheckConfig":{"serviceName":"shop.Carts"}}"#;
    let first = r#"{"loadBalancingConfig":[{"pick_first":{}}]}"#;
    for (args, expected) in [
        (
            ["--service-config", other],
            "error: --health asks for the service \"shop.Orders\", and the healthCheckConfig of \
             --service-config for \"shop.Carts\"\ntry: leave --health or the healthCheckConfig out\n",
        ),
        (
            ["--service-config", first],
            "error: --health has no effect with the policy pick_first, which uses one backend\ntry: \
             give another policy, such as --lb round_robin\n",
        ),
        (
            ["--lb", "pick_first"],
            "error: --health has no effect with the policy pick_first, which uses one backend\ntry: \
             give another policy, such as --lb round_robin\n",
        ),
    ] {
        for command in ["call", "watch"] {
            let health = [command, "ipv4:127.0.0.1:1", "--health=shop.Orders"];
            let ran = trunkline(&[&health[..], &args].concat());
            assert_eq!((ran.status, ran.stderr.as_str()), (2, expected));
        }
    }
}

fn health_of<'a>(events: &'a [Value], address: &str) -> Vec<&'a Value> {
    let of_address = |event: &&Value| event["event"] == "health" && event["address"] == address;
    events.iter().filter(of_address).collect()
}

/// `watch` prints the health of each backend as it changes. A backend without a health service counts
/// as healthy, with the reason.
#[test]
fn watch_prints_health() {
    let (good, bad) = (backend("good"), not_serving());
    let (good, bad) = (good.address_v4().to_string(), bad.address_v4().to_string());
    let without = raw_peer::target(|_| raw_peer::status(12, "no such method"));
    let without = without.strip_prefix("ipv4:").expect("an address");
    let target = format!("ipv4:{good},{bad},{without}");
    let args = [&target, "--health", SERVICE];
    let backends = [&*good, &bad, without];
    // Each health is printed twice: that it is checked, and what the check found.
    let events = watch(&args, |events| {
        let is_known = |address: &&str| health_of(events, address).len() == 2;
        backends.iter().all(is_known)
    });
    for (address, health, message) in [
        (&*good, "healthy", Value::Null),
        (&*bad, "unhealthy", json!("not healthy: NOT_SERVING")),
        (
            without,
            "unchecked",
            json!("taken for healthy, without a health check: UNIMPLEMENTED: no such method"),
        ),
    ] {
        let found = health_of(&events, address);
        let words: Vec<&Value> = found.iter().map(|event| &event["health"]).collect();
        assert_eq!(words, [&json!("checking"), &json!(health)], "{events:?}");
        assert_eq!(found[1]["service"], SERVICE);
        assert_eq!(found[1]["error"]["message"], message);
    }
    let line = format!("health          {bad} \"{SERVICE}\": not healthy: NOT_SERVING");
    let text = watch_text(&args, |text| text.contains(&line));
    assert!(text.contains(&line), "{text}");
    let policy = "config          policy round_robin (the default)\n";
    assert!(text.contains(policy), "{text}");
}

/// The parts of a service config that have no effect are an event of `watch` and warnings of `call`.
#[test]
fn parts_without_an_effect_are_printed() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let config = r#"{"healthCheckConfig":{"serviceName":"s"},"shade":1}"#;
    let expected = json!([
        {
            "kind": "unknown_field",
            "at": "/shade",
            "message": "/shade has no effect: there is no such field",
            "suggestion": null,
        },
        {
            "kind": "unused_by_policy",
            "at": "/healthCheckConfig",
            "message": "/healthCheckConfig has no effect: the policy \"pick_first\" does not use it",
            "suggestion": null,
        },
    ]);
    let is_ignored = |event: &&Value| event["event"] == "config_ignored";
    let events = watch(&[&target, "--service-config", config], |events| {
        events.iter().any(|event| is_ignored(&event))
    });
    let event = events.iter().find(is_ignored);
    assert_eq!(
        event.map(|event| &event["parts"]),
        Some(&expected),
        "{events:?}"
    );

    let (status, called) = object(&["call", &target, "--service-config", config]);
    assert_eq!((status, &called["warnings"]), (0, &expected), "{called}");
    let ran = trunkline(&["call", &target, "--service-config", config]);
    let warning = "warning: of the service config, /shade has no effect: there is no such field\n";
    assert!(ran.stderr.starts_with(warning), "{ran:?}");
}
