//! Tests of times, rates and files at their limits: each works as its help describes, or is refused
//! with status 2.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use trunkline_testkit::dns::{DnsServer, Reply, Type};

use crate::command::{json, object, trunkline, with_enough_time};
use crate::raw_peer;

const UNIMPLEMENTED: u8 = 12;

fn answering() -> String {
    raw_peer::target(|_| raw_peer::status(UNIMPLEMENTED, "no such method"))
}

/// A time that is no time, or longer than a call's deadline can be, is refused.
#[test]
fn times_out_of_range() {
    for time in ["1e15", "1e300", "100000000", "inf", "nan", "-1", "x", ""] {
        for args in [
            &["call", "ipv4:127.0.0.1:1", "--timeout"][..],
            &["call", "ipv4:127.0.0.1:1", "--for"],
            &["watch", "ipv4:127.0.0.1:1", "--for"],
            &["resolve", "ipv4:127.0.0.1:1", "--timeout"],
            &["resolve", "ipv4:127.0.0.1:1", "--every"],
            &["connect", "127.0.0.1:1", "--timeout"],
            &["connect", "127.0.0.1:1", "--attempt-delay"],
            &["call", "ipv4:127.0.0.1:1", "--min-resolution-interval"],
            &["call", "ipv4:127.0.0.1:1", "--keepalive"],
            &["watch", "ipv4:127.0.0.1:1", "--keepalive"],
            &["call", "ipv4:127.0.0.1:1", "--qps"],
        ] {
            let (option, args) = args.split_last().expect("an option");
            let option = format!("{option}={time}");
            let ran = trunkline(&[args, &[&option]].concat());
            assert_eq!(ran.status, 2, "{option}: {ran:?}");
        }
    }
}

/// The keepalive has a time and, after a slash, a time-out.
#[test]
fn keepalive() {
    let target = answering();
    for time in ["10", "300/20", "0.5/0", "99999999/99999999"] {
        let (_, object) = object(&["call", &target, "--keepalive", time]);
        assert_eq!(object["codes"], json!({ "UNIMPLEMENTED": 1 }), "{object}");
    }
    for time in ["10/", "/10", "10/-1", "10/20/30", "10s"] {
        let option = format!("--keepalive={time}");
        let ran = trunkline(&["call", &target, &option]);
        assert_eq!(ran.status, 2, "{option}: {ran:?}");
    }
}

/// The longest time that is accepted works, on each runtime.
#[test]
fn the_longest_time() {
    let target = answering();
    for runtime in ["async-std", "smol", "tokio"] {
        let time = "99999999";
        let calls = ["call", &target, "--count=1", "--runtime", runtime];
        let (_, object) = object(&[&calls[..], &["--timeout", time, "--for", time]].concat());
        assert_eq!(object["codes"], json!({ "UNIMPLEMENTED": 1 }), "{object}");
    }
}

/// Without any time no call is made, and that is an error: a check that makes no call proves
/// nothing.
#[test]
fn no_time() {
    let target = answering();
    for runtime in ["async-std", "smol", "tokio"] {
        for option in ["--timeout=0", "--for=0"] {
            let (status, object) = object(&["call", &target, option, "--runtime", runtime]);
            assert_eq!((status, &object["calls"]), (1, &json!(0)), "{object}");
            assert_eq!(object["error"]["kind"], "deadline");
        }
        let resolve = ["resolve", "dns://127.0.0.1:1/a.test", "--timeout=0"];
        let (status, object) = object(&[&resolve[..], &["--runtime", runtime]].concat());
        assert_eq!(status, 1, "{object}");
        let (status, _) = json(&["watch", &target, "--for=0", "--runtime", runtime]);
        assert_eq!(status, 0);
    }
}

/// A rate so slow that no further call is due in the time does not prolong it.
#[test]
fn a_slow_rate_ends_in_time() {
    let target = answering();
    let args = ["call", &target, "--qps=0.01"];
    for runtime in ["async-std", "smol", "tokio"] {
        let args = [&args[..], &["--runtime", runtime]].concat();
        let (_, ended) = object(&[&args[..], &["--for=0.3"]].concat());
        let (_, late) = object(&[&args[..], &["--count=2", "--timeout=0.3"]].concat());
        for object in [ended, late] {
            assert_eq!(object["calls"], 1, "{object}");
            let elapsed = object["elapsed_ms"].as_f64().expect("a time");
            assert!((300.0..10_000.0).contains(&elapsed), "{object}");
        }
    }
}

/// Resolutions end at the deadline, however many are left.
#[test]
fn repeated_resolutions_end_in_time() {
    let server = DnsServer::start().expect("a DNS server");
    server.set("a.test", Type::A, Reply::a(60, [[127, 0, 0, 1].into()]));
    let target = format!("dns://{}/a.test.", server.address());
    let args = ["resolve", &target, "--repeat=1000000", "--every=1000"];
    let (status, objects) = with_enough_time(
        |seconds| json(&[&args[..], &[&format!("--timeout={seconds}")]].concat()),
        |(_, objects)| objects.len() == 2,
    );
    assert_eq!((status, objects.len()), (1, 2), "{objects:?}");
    assert_eq!(objects[1]["error"]["kind"], "deadline", "{objects:?}");
}

/// Makes a named pipe, which the caller removes.
fn pipe(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // An earlier run may have left it.
    let _ = std::fs::remove_file(&path);
    let status = Command::new("mkfifo").arg(&path).status();
    assert!(status.expect("mkfifo").success());
    path
}

/// A pipe that no other process opens is refused when the time is over.
#[cfg(target_os = "linux")]
#[test]
fn pipes_without_another_end() {
    let pipe = pipe("no-writer");
    let name = pipe.to_str().expect("a UTF-8 path");
    for option in ["--hosts", "--resolv-conf"] {
        for args in [
            &["resolve", "dns:///a.test", "--timeout=0.3"][..],
            &["connect", "a.test:1", "--timeout=0.3"],
            &["call", "dns:///a.test", "--timeout=0.3"],
            &["watch", "dns:///a.test", "--for=0.3"],
        ] {
            let (status, object) = object(&[args, &[option, name]].concat());
            assert_eq!(status, 2, "{object}");
            let message = object["error"]["message"].as_str().expect("a message");
            assert!(message.contains(name), "{message}");
        }
    }
    let (status, object) = object(&["connect", "127.0.0.1:1", "--svg", name]);
    assert_eq!(status, 1, "{object}");
    assert!(object["error"]["svg"].is_string(), "{object}");
    std::fs::remove_file(&pipe).expect("the test removes its files");
}

/// A file that never ends is refused, instead of being used in part.
#[cfg(target_os = "linux")]
#[test]
fn files_without_an_end() {
    for option in ["--hosts", "--resolv-conf"] {
        let (status, object) = object(&["resolve", "dns:///a.test", option, "/dev/zero"]);
        assert_eq!(status, 2, "{object}");
        let message = object["error"]["message"].as_str().expect("a message");
        assert!(message.contains("16777216 bytes"), "{message}");
    }
}
