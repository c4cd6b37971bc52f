//! Tests of how long connections last: `--idle-timeout` and `--keepalive`.

use serde_json::{Value, json};

use crate::call::backend;
use crate::command::{json, object, trunkline, watch, with_enough_time};
use crate::raw_peer;

/// Returns the states of the channel, in their order.
fn states(events: &[Value]) -> Vec<&str> {
    let states = events.iter().filter(|event| event["event"] == "channel");
    states.filter_map(|event| event["state"].as_str()).collect()
}

/// `--idle-timeout` ends the use of connections that no call uses; `never`, the default of `watch`, does
/// not.
#[test]
fn watch_enters_idleness() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let is_ready = |events: &Vec<Value>| states(events).contains(&"READY");
    let watched = |seconds| {
        let idle_timeout = format!("--idle-timeout={seconds}");
        watch(&[&target, &idle_timeout], |events| {
            states(events).contains(&"IDLE")
        })
    };
    let idle = with_enough_time(watched, is_ready);
    assert_eq!(states(&idle), ["CONNECTING", "READY", "IDLE"], "{idle:?}");
    for more in [&[][..], &["--idle-timeout=never"]] {
        let watched = |seconds| {
            let time = format!("--for={seconds}");
            json(&[&["watch", &target, &time], more].concat()).1
        };
        let awake = with_enough_time(watched, is_ready);
        assert_eq!(
            states(&awake),
            ["CONNECTING", "READY", "SHUTDOWN"],
            "{awake:?}"
        );
    }
}

/// A call that finds the channel idle waits for its connection, also where that is soon after each call.
#[test]
fn calls_leave_idleness() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    for runtime in ["async-std", "smol", "tokio"] {
        let args = [
            "call",
            &target,
            "--count=3",
            "--qps=10",
            "--runtime",
            runtime,
        ];
        let (status, called) = object(&[&args[..], &["--idle-timeout=0"]].concat());
        assert_eq!((status, &called["ok"]), (0, &json!(3)), "{called}");
    }
    let (status, _) = object(&["call", &target, "--idle-timeout=never"]);
    assert_eq!(status, 0);
    for time in ["-1", "x", "", "always", "1e9"] {
        let ran = trunkline(&["call", &target, &format!("--idle-timeout={time}")]);
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains("`never`"), "{ran:?}");
    }
}

/// A server that is silent for the time and the time-out of `--keepalive` is given up. The time is the
/// shortest that is possible, 10 s.
#[test]
fn a_silent_server_is_given_up() {
    let target = raw_peer::silent_target();
    let (status, object) = object(&["call", &target, "--keepalive=1/0.2", "--timeout=30"]);
    assert_eq!(status, 1, "{object}");
    assert_eq!(object["codes"], json!({ "UNAVAILABLE": 1 }));
    let message = object["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("keepalive"), "{message}");
    let elapsed = object["elapsed_ms"].as_f64().expect("a time");
    assert!((10_000.0..20_000.0).contains(&elapsed), "{object}");
}
