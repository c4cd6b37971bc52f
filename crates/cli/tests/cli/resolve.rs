//! Tests of `trunkline resolve`.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;
use trunkline_testkit::dns::{Data, DnsServer, Rcode, Reply, Type};

use crate::command::{json, object, trunkline};

fn server() -> DnsServer {
    DnsServer::start().expect("a DNS server")
}

/// The addresses of both families are printed, with the time that remains of the shortest TTL.
#[test]
fn both_families() {
    let server = server();
    server.set("both.test", Type::A, Reply::a(60, [[127, 0, 0, 1].into()]));
    server.set(
        "both.test",
        Type::AAAA,
        Reply::aaaa(30, ["::1".parse().expect("an address")]),
    );
    let target = format!("dns://{}/both.test:80", server.address());
    let (status, object) = object(&["resolve", &target]);
    assert_eq!(status, 0, "{object}");
    let mut addresses: Vec<_> = object["endpoints"]
        .as_array()
        .expect("endpoints")
        .iter()
        .map(|endpoint| endpoint["addresses"][0].as_str().expect("an address"))
        .collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["127.0.0.1:80", "[::1]:80"]);
    assert_eq!(object["partial"], false);
    assert_eq!(object["server"], server.address().to_string());
    let ttl = object["ttl_secs"].as_f64().expect("a TTL");
    assert!((20.0..=30.0).contains(&ttl), "{ttl}");
}

/// Each host of an SRV record set is one endpoint, with its addresses and its weight.
#[test]
fn srv_endpoints() {
    let server = server();
    let target = "a.test".to_owned();
    let srv = Data::Srv {
        priority: 1,
        weight: 7,
        port: 5001,
        target,
    };
    server.set("_grpc._tcp.x.test", Type::SRV, Reply::data(60, [srv]));
    server.set("a.test", Type::A, Reply::a(60, [[127, 0, 0, 1].into()]));
    server.set(
        "a.test",
        Type::AAAA,
        Reply::aaaa(60, ["::1".parse().expect("an address")]),
    );
    let (status, object) = object(&[
        "resolve",
        &format!("srv://{}/_grpc._tcp.x.test", server.address()),
    ]);
    assert_eq!(status, 0, "{object}");
    assert_eq!(
        object["endpoints"][0]["addresses"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(object["endpoints"][0]["attributes"]["weight"], 7);
}

/// A failure has its kind, the name, and each server asked.
#[test]
fn failures_have_a_kind_a_name_and_servers() {
    let server = server();
    server.set_default(Reply::rcode(Rcode::SERVFAIL));
    server.set("gone.test", Type::A, Reply::nxdomain());
    server.set("gone.test", Type::AAAA, Reply::nxdomain());
    server.set("empty.test", Type::A, Reply::no_data());
    server.set("empty.test", Type::AAAA, Reply::no_data());
    for (name, kind) in [
        ("gone.test", "not_found"),
        ("empty.test", "no_data"),
        ("fails.test", "unavailable"),
    ] {
        let (status, object) = object(&["resolve", &format!("dns://{}/{name}.", server.address())]);
        let error = &object["error"];
        assert_eq!((status, &error["kind"]), (1, &json!(kind)), "{object}");
        assert!(
            error["name"].as_str().expect("a name").contains(name),
            "{error}"
        );
        assert_eq!(error["servers"][0]["server"], server.address().to_string());
    }
}

/// When one host of a service cannot be looked up, the answer is partial, and the host and the
/// outcome of its queries are printed.
#[test]
fn a_missing_host_of_a_service_is_named() {
    let server = server();
    let service = "_grpc._tcp.a.test";
    let srv = |port, target: &str| Data::Srv {
        priority: 0,
        weight: 1,
        port,
        target: target.into(),
    };
    let hosts = [srv(1, "sick.test"), srv(2, "well.test")];
    server.set(service, Type::SRV, Reply::data(60, hosts));
    server.set_default(Reply::rcode(Rcode::SERVFAIL));
    server.set("well.test", Type::A, Reply::a(60, [[127, 0, 0, 1].into()]));
    server.set("well.test", Type::AAAA, Reply::no_data());
    let target = format!("srv://{}/{service}", server.address());
    let (status, object) = object(&["resolve", &target]);
    assert_eq!((status, &object["partial"]), (0, &json!(true)), "{object}");
    let asked = object["servers"].as_array().expect("a list");
    let failed = |it: &&serde_json::Value| it["outcome"] == "servfail";
    let names: Vec<_> = asked.iter().filter(failed).map(|it| &it["name"]).collect();
    assert!(names.contains(&&json!("sick.test.")), "{object}");
    let ran = trunkline(&["resolve", &target]);
    assert!(
        ran.stderr.contains("such as sick.test"),
        "which one: {ran:?}"
    );
}

/// For a name without SRV records, the suggestion is not to use `srv:`. A record with port 0 causes
/// a warning that names the port.
#[test]
fn services_without_a_port_or_without_records() {
    let server = server();
    let srv = |port| Data::Srv {
        priority: 0,
        weight: 1,
        port,
        target: "a.test".into(),
    };
    server.set("none.test", Type::SRV, Reply::no_data());
    server.set("a.test", Type::A, Reply::a(60, [[127, 0, 0, 1].into()]));
    server.set("a.test", Type::AAAA, Reply::no_data());
    server.set("some.test", Type::SRV, Reply::data(60, [srv(0), srv(1)]));
    let target = |name| format!("srv://{}/{name}", server.address());
    let (status, object) = object(&["resolve", &target("none.test.")]);
    assert_eq!((status, &object["error"]["kind"]), (1, &json!("no_data")));
    let suggestion = object["error"]["suggestion"].as_str().expect("a text");
    assert!(!suggestion.contains("srv:///"), "{suggestion}");
    let (status, object) = crate::command::object(&["resolve", &target("some.test.")]);
    assert_eq!(status, 0, "{object}");
    assert_eq!(object["endpoints"][0]["addresses"], json!(["127.0.0.1:1"]));
    let warning = object["warnings"][0]["message"].as_str().expect("a text");
    assert!(warning.contains("port 0"), "{warning}");
}

/// For people, the outcome of each query is printed once, on a line of its own.
#[test]
fn each_outcome_is_printed_once() {
    let server = server();
    server.set_default(Reply::rcode(Rcode::SERVFAIL));
    let ran = trunkline(&["resolve", &format!("dns://{}/a.test.", server.address())]);
    let mut lines = ran.stderr.lines();
    let head = lines.next().expect("a line");
    assert_eq!(head, "error: no server could look up a.test.", "{ran:?}");
    let asked = lines.filter(|line| line.contains("SERVFAIL")).count();
    assert_eq!(asked, server.total(), "{ran:?}");
}

/// A target or a name that can never be looked up ends with status 2.
#[test]
fn invalid_targets_and_names() {
    let (status, object) = object(&["resolve", "dns://x:1"]);
    assert_eq!(
        (status, &object["error"]["kind"]),
        (2, &json!("invalid_target"))
    );
    let (status, object) = crate::command::object(&["resolve", "dns:///bad..name"]);
    assert_eq!(
        (status, &object["error"]["kind"]),
        (2, &json!("invalid_name")),
        "{object}"
    );
}

/// `--repeat` prints one object per resolution.
#[test]
fn repeated() {
    let server = server();
    server.set("a.test", Type::A, Reply::a(60, [[127, 0, 0, 1].into()]));
    let target = format!("dns://{}/a.test", server.address());
    let (status, objects) = json(&["resolve", &target, "--repeat", "3", "--every", "0"]);
    assert_eq!((status, objects.len()), (0, 3));
}

/// An address literal needs no DNS server, on each runtime.
#[test]
fn a_literal_on_each_runtime() {
    for runtime in ["async-std", "smol", "tokio"] {
        let (status, object) = object(&["resolve", "dns:///127.0.0.1:5", "--runtime", runtime]);
        assert_eq!(status, 0);
        assert_eq!(object["endpoints"][0]["addresses"], json!(["127.0.0.1:5"]));
        assert_eq!(
            (&object["server"], &object["ttl_secs"]),
            (&json!(null), &json!(null))
        );
    }
}

/// `--hosts` replaces the system's hosts file, and a file that does not exist is an error.
#[test]
fn the_hosts_file_can_be_replaced() {
    let folder = std::env::temp_dir().join(format!("trunkline-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let hosts = folder.join("hosts");
    std::fs::write(&hosts, "192.0.2.9 printer\n").expect("a file");
    let hosts = hosts.to_str().expect("UTF-8");
    let (status, object) = object(&["resolve", "dns:///printer:631", "--hosts", hosts]);
    assert_eq!(status, 0, "{object}");
    assert_eq!(
        object["endpoints"][0]["addresses"],
        json!(["192.0.2.9:631"])
    );
    std::fs::remove_dir_all(&folder).expect("the test removes its files");
    assert_eq!(trunkline(&["resolve", "x", "--hosts", hosts]).status, 2);
}

/// A file that can be read only once, such as a pipe, works.
#[test]
fn files_may_be_pipes() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .args(["resolve", "dns:///printer:631", "--hosts", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(b"192.0.2.9 printer\n")
        .expect("the child reads stdin");
    drop(stdin);
    let output = child.wait_with_output().expect("the command ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.starts_with("192.0.2.9:631\n"), "{text}");
}

/// A named pipe works, also when its writer writes for one reader only.
#[cfg(target_os = "linux")]
#[test]
fn files_may_be_pipes_with_names() {
    let pipe = std::env::temp_dir().join(format!("trunkline-hosts-{}", std::process::id()));
    let script = "mkfifo \"$1\" && { echo 192.0.2.9 printer > \"$1\" & } && \
                  timeout 20 \"$0\" resolve dns:///printer:631 --hosts \"$1\"";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_trunkline")])
        .arg(&pipe)
        .output()
        .expect("a shell");
    std::fs::remove_file(&pipe).expect("the test removes its files");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.starts_with("192.0.2.9:631\n"), "{text}");
}

/// Output that cannot be written is an error, not a panic. Log lines that cannot be written are ignored.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    let full = || {
        File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full")
    };
    let run = |target: &str, stdout: Stdio, stderr: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        let command = command
            .args(["resolve", "-vvv", target])
            .stdout(stdout)
            .stderr(stderr);
        command
            .spawn()
            .expect("the command runs")
            .wait_with_output()
    };
    let output = run("dns:///127.0.0.1", full().into(), Stdio::piped()).expect("the command ends");
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("cannot be written"), "{words}");
    let server = server();
    server.set("a.test", Type::A, Reply::a(60, [[127, 0, 0, 1].into()]));
    let target = format!("dns://{}/a.test.", server.address());
    let output = run(&target, Stdio::piped(), full().into()).expect("the command ends");
    assert_eq!(output.status.code(), Some(0));
}
