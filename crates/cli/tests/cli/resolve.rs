//! `trunkline resolve`.

use serde_json::json;
use trunkline_testkit::dns::{Data, DnsServer, Rcode, Reply, Type};

use crate::command::{json, object, trunkline};

fn server() -> DnsServer {
    DnsServer::start().expect("a DNS server")
}

/// Both families, in the order that a policy gets them, with what remains of the shortest TTL.
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

/// SRV names, each with its addresses, as one endpoint.
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
    assert_eq!(object["endpoints"][0]["attributes"]["srv_weight"], 7);
}

/// Failures have a kind, the name, and each server with what it did.
#[test]
fn failures_tell_who_said_what() {
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

/// A target or a name that can never be looked up: status 2.
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

/// One object each time, from one client.
#[test]
fn repeated() {
    let server = server();
    server.set("a.test", Type::A, Reply::a(60, [[127, 0, 0, 1].into()]));
    let target = format!("dns://{}/a.test", server.address());
    let (status, objects) = json(&["resolve", &target, "--repeat", "3", "--every", "0"]);
    assert_eq!((status, objects.len()), (0, 3));
}

/// A literal needs nobody; every runtime that is built in does it.
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

/// Files that replace the system's are read, and one that is not there is no silent nothing.
#[test]
fn files_of_ones_own() {
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
    std::fs::remove_dir_all(&folder).expect("a clean end");
    assert_eq!(trunkline(&["resolve", "x", "--hosts", hosts]).status, 2);
}
