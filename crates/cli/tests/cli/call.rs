//! Tests of `trunkline call`.

use std::net::TcpListener;

use serde_json::{Value, json};
use trunkline_testkit::backend::{Backend, Options, Program};
use trunkline_testkit::closed::ClosedTcp;
use trunkline_testkit::dns::{DnsServer, Reply};

use crate::command::{object, trunkline, with_enough_calls, with_enough_time};
use crate::raw_peer;

pub(crate) fn backend(name: &str) -> Backend {
    Backend::start(&Program::ThisTest("backend_process"), &Options::new(name)).expect("a backend")
}

/// Calls are counted by the backend that answered.
#[test]
fn calls_are_shared() {
    let (a, b) = (backend("a"), backend("b"));
    let target = format!("ipv4:{},{}", a.address_v4(), b.address_v4());
    let args = ["call", &target, "--lb=round_robin", "--concurrency=4"];
    let addresses = [&a, &b].map(|backend| backend.address_v4().to_string());
    let are_shared = |(count, _, object): &(u64, i32, Value)| {
        let calls = |address: &String| object["backends"][address].as_u64();
        addresses.iter().all(|it| calls(it) > Some(count / 4))
    };
    let called = |count| {
        let (status, object) = object(&[&args[..], &[&format!("--count={count}")]].concat());
        (count, status, object)
    };
    let ran = with_enough_calls(called, are_shared);
    assert!(are_shared(&ran), "{ran:?}");
    let (count, status, object) = ran;
    assert_eq!(status, 0, "{object}");
    assert_eq!(
        (&object["calls"], &object["ok"]),
        (&json!(count), &json!(count))
    );
    assert_eq!(object["codes"], json!({ "OK": count }));
    assert!(
        object["latency_ms"]["p50"]
            .as_f64()
            .is_some_and(|p50| p50 > 0.0)
    );
}

/// Without `--count` and `--for` the command makes one call.
#[test]
fn one_call() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    for runtime in ["async-std", "smol", "tokio"] {
        let (status, object) = object(&["call", &target, "--runtime", runtime]);
        assert_eq!((status, &object["calls"]), (0, &json!(1)));
    }
}

/// For a service that the server does not know, the server's status and the backend are printed.
#[test]
fn an_unknown_service() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let (status, object) = object(&["call", &target, "--service", "no.such.Service"]);
    assert_eq!(status, 1);
    assert_eq!(object["codes"], json!({ "NOT_FOUND": 1 }));
    assert_eq!(
        object["backends"][backend.address_v4().to_string()],
        1,
        "{object}"
    );
}

/// Connection failures are grouped into one error that has the address and the reason.
#[test]
fn a_port_that_refuses() {
    let port = ClosedTcp::new().expect("a port");
    let address = port.address();
    let (status, object) = object(&["call", &format!("ipv4:{address}"), "--count", "3"]);
    assert_eq!(status, 1);
    assert_eq!(object["codes"], json!({ "UNAVAILABLE": 3 }));
    assert_eq!(
        object["errors"].as_array().map(Vec::len),
        Some(1),
        "{object}"
    );
    let message = object["errors"][0]["message"].as_str().expect("a message");
    assert!(
        message.contains(&address.to_string()) && message.contains("refused"),
        "{message}"
    );
}

/// A target or an option that can never work ends with status 2.
#[test]
fn unusable() {
    for args in [
        &["call", "dns://x:1"][..],
        &["call", "vsock:1:2"],
        &["call", "dns:///x", "--service-config", "{"],
        &["call", "dns:///x", "--lb", "no_such_policy"],
        &["call", "dns:///x", "--authority", "a b"],
    ] {
        let ran = trunkline(args);
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(ran.stderr.starts_with("error: "), "{ran:?}");
    }
}

/// Runs the command with a `--timeout` that is long enough for `seen` to hold.
fn timed_out(args: &[&str], seen: impl Fn(&(i32, Value)) -> bool) -> (i32, Value) {
    with_enough_time(
        |seconds| object(&[args, &[&format!("--timeout={seconds}")]].concat()),
        seen,
    )
}

/// `--timeout` is a deadline for the whole command: the call in flight fails at that time, and no
/// further call is made.
#[test]
fn a_deadline_for_all_of_it() {
    // The system accepts connections into the backlog; nothing is ever sent on them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = format!("ipv4:{}", silent.local_addr().expect("an address"));
    let args = ["call", &target, "--count", "3"];
    let message = |object: &Value| object["errors"][0]["message"].to_string();
    let is_connected = |(_, object): &_| message(object).contains("no HTTP/2 SETTINGS");
    let (status, object) = timed_out(&args, is_connected);
    assert_eq!(status, 1, "{object}");
    assert_eq!(object["codes"], json!({ "DEADLINE_EXCEEDED": 1 }));
    // The server has longer than that for its SETTINGS.
    let elapsed = object["elapsed_ms"].as_f64();
    assert!(elapsed.is_some_and(|ms| ms < 20_000.0), "{object}");
    assert!(is_connected(&(status, object)));
}

/// Calls that end by the deadline of the whole command are one error, although each had another time
/// left.
#[test]
fn deadlines_fall_together() {
    let target = raw_peer::target(|_| None);
    let args = ["call", &target, "--count", "8", "--concurrency", "8"];
    let are_sent = |(_, object): &(i32, Value)| object["errors"][0]["count"] == 8;
    let (status, object) = timed_out(&args, are_sent);
    assert_eq!(status, 1, "{object}");
    assert_eq!(object["codes"], json!({ "DEADLINE_EXCEEDED": 8 }));
    assert_eq!(object["errors"][0]["count"], 8, "{object}");

    let silent = DnsServer::start().expect("a DNS server");
    silent.set_default(Reply::silence());
    let target = format!("dns://{}/a.test.:1", silent.address());
    let args = ["call", &target, "--count", "8", "--concurrency", "8"];
    let (_, object) = timed_out(&args, are_sent);
    assert_eq!(object["errors"][0]["count"], 8, "{object}");
}

/// An answer with an HTTP status comes from no gRPC server: the peer is counted, and a missing
/// health service is not the reason.
#[test]
fn an_http_status() {
    for (http, code) in [("404", "UNIMPLEMENTED"), ("503", "UNAVAILABLE")] {
        let target = raw_peer::target(move |_| raw_peer::http_status(http));
        let (status, object) = object(&["call", &target]);
        assert_eq!(status, 1, "{object}");
        assert_eq!(object["codes"], json!({ code: 1 }));
        let address = target.strip_prefix("ipv4:").expect("an address");
        assert_eq!(object["backends"], json!({ address: 1 }));
        let suggestion = object["error"]["suggestion"].as_str().expect("a text");
        assert!(suggestion.contains("proxy"), "{suggestion}");
    }
    let target = raw_peer::target(|_| raw_peer::status(12, "no such method"));
    let (_, object) = object(&["call", &target]);
    let suggestion = object["error"]["suggestion"].as_str().expect("a text");
    assert!(suggestion.contains("no health service"), "{suggestion}");
}

/// The summary for people counts the answered calls where they are what is asked for.
#[test]
fn the_summary() {
    let target = raw_peer::target(|_| raw_peer::status(12, ""));
    for (options, start) in [
        (&["call", &target][..], "1 call, 0 ok, 1 failed in "),
        (
            &["call", &target, "--any-status"],
            "1 call, 0 ok, 1 failed, 1 answered in ",
        ),
    ] {
        let stdout = trunkline(options).stdout;
        let summary = stdout.lines().last().expect("a line");
        assert!(summary.starts_with(start), "{summary}");
    }
}

/// An error without a message is its code alone.
#[test]
fn no_message() {
    let target = raw_peer::target(|_| raw_peer::status(12, ""));
    let (_, object) = object(&["call", &target]);
    assert_eq!(
        object["error"]["message"],
        "1 of 1 calls failed; mostly UNIMPLEMENTED"
    );
}

/// With `--any-status` a call succeeds that a server answered with a gRPC status; an HTTP status or
/// a lost connection is none.
#[test]
fn any_status() {
    let check = |target: &str, expected: i32, answered: u64| {
        let (status, object) = object(&["call", target, "--count=2", "--any-status"]);
        assert_eq!((status, &object["answered"]), (expected, &json!(answered)));
        assert_eq!(object["error"].is_null(), expected == 0, "{object}");
        assert_eq!(object["calls"], 2, "{object}");
    };
    let answering = raw_peer::target(|_| raw_peer::status(12, "no such method"));
    check(&answering, 0, 2);
    assert_eq!(object(&["call", &answering]).0, 1);
    let backend = backend("a");
    check(&format!("ipv4:{}", backend.address_v4()), 0, 2);
    check(&raw_peer::target(|_| raw_peer::http_status("503")), 1, 0);
    let half = raw_peer::target(|call| match call {
        0 => raw_peer::status(5, "unknown service"),
        _ => raw_peer::http_status("503"),
    });
    check(&half, 1, 1);
}

/// `--retry` sends a call that fails with UNAVAILABLE again. A call counts as answered once, by its last
/// attempt.
#[test]
fn retries() {
    let target = raw_peer::target(|call| match call {
        0 | 1 | 3 => raw_peer::status(14, "not now"),
        _ => raw_peer::status(5, "unknown service"),
    });
    let args = ["call", &target, "--count=3", "--any-status"];
    let (status, retried) = object(&[&args[..], &["--retry=3"]].concat());
    assert_eq!(status, 0, "{retried}");
    assert_eq!(retried["attempts"], json!({ "1": 1, "2": 1, "3": 1 }));
    assert_eq!(retried["codes"], json!({ "NOT_FOUND": 3 }));
    assert_eq!(retried["answered"], 3);

    let (_, single) = object(&args);
    assert_eq!(single["attempts"], json!({ "1": 3 }));
    assert_eq!(single["codes"], json!({ "NOT_FOUND": 1, "UNAVAILABLE": 2 }));

    // More attempts than a channel makes if nothing else is set.
    let target = raw_peer::target(|call| match call {
        0..6 => raw_peer::status(14, "not now"),
        _ => raw_peer::status(5, "unknown service"),
    });
    let (_, many) = object(&[
        "call",
        &target,
        "--any-status",
        "--retry=7",
        "--lb=round_robin",
    ]);
    assert_eq!(many["attempts"], json!({ "7": 1 }), "{many}");
}

/// `--hedge` sends a call again while it has no answer.
#[test]
fn hedging() {
    let target = raw_peer::target(|call| match call {
        0 | 1 => None,
        _ => raw_peer::status(5, "unknown service"),
    });
    let (status, object) = object(&["call", &target, "--any-status", "--hedge=3/20"]);
    assert_eq!(status, 0, "{object}");
    assert_eq!(object["attempts"], json!({ "3": 1 }));
    assert_eq!(
        (&object["answered"], &object["calls"]),
        (&json!(1), &json!(1))
    );
}

/// A call that was never sent has no attempts.
#[test]
fn no_attempts() {
    let port = ClosedTcp::new().expect("a port");
    let (_, object) = object(&["call", &format!("ipv4:{}", port.address())]);
    assert_eq!(object["attempts"], json!({ "0": 1 }));
}

/// Attempts that can never be are refused.
#[test]
fn unusable_attempts() {
    for args in [
        &["--retry", "1"][..],
        &["--retry", "x"],
        &["--hedge", "3"],
        &["--hedge", "1/50"],
        &["--hedge", "3/-1"],
        &["--retry", "3", "--hedge", "3/50"],
        &["--retry", "3", "--service-config", "{}"],
    ] {
        let ran = trunkline(&[&["call", "ipv4:127.0.0.1:1"], args].concat());
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
    }
}
