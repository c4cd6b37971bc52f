//! The lines between the coordinator of `rpc` and its clients are those of `benches/README.md`.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use trunkline_benches::protocol::{
    Ability, Case, Cost, FromClient, Hello, Measure, Round, Setup, ToClient, VERSION,
    resident_backends,
};

/// The page for authors of clients.
const README: &str = include_str!("../README.md");

/// Checks that a value is written as this line, and read from it.
#[track_caller]
fn check<T>(value: &T, line: &str)
where
    T: Debug + DeserializeOwned + PartialEq + Serialize,
{
    let written = serde_json::to_string(value).expect("a value that JSON can hold");
    assert_eq!(written, line);
    assert_eq!(&serde_json::from_str::<T>(line).expect(line), value);
}

/// Returns the lines of the page that begin with this text.
fn examples(start: &str) -> Vec<&'static str> {
    let lines = README.lines().map(str::trim);
    lines.filter(|line| line.starts_with(start)).collect()
}

#[test]
fn the_hello() {
    let hello = Hello {
        protocol: VERSION,
        name: "grpc-go".into(),
        version: "1.85.0".into(),
        can: Ability::ALL.to_vec(),
    };
    let [line] = examples("{\"hello\"")[..] else {
        panic!("one example");
    };
    check(&FromClient::Hello(hello), line);
}

#[test]
fn the_setup() {
    let addresses = |from: u16| (from..from + 3).map(|port| format!("127.0.0.1:{port}"));
    let setup = Setup {
        backends: addresses(4001).collect(),
        tls_backends: addresses(4004).collect(),
        root_pem: "-----BEGIN ...".into(),
        server_name: "greeter.test".into(),
        threads: 1,
    };
    let [line] = examples("{\"setup\"")[..] else {
        panic!("one example");
    };
    check(&ToClient::Setup(setup), line);
}

#[test]
fn a_round() {
    let round = Round {
        case: Case::unary(16, 100).balanced(),
        calls: 2000,
        measure: Measure::Cpu,
    };
    let [line] = examples("{\"round\"")[..] else {
        panic!("one example");
    };
    check(&ToClient::Round(round), line);
}

#[test]
fn a_result_and_a_failure() {
    let cost = Cost {
        cpu_ns: 16_000_000,
        max_rss_bytes: Some(7_340_032),
        voluntary_switches: Some(12),
        involuntary_switches: Some(3),
        ..Cost::default()
    };
    let [line] = examples("{\"result\"")[..] else {
        panic!("one example");
    };
    check(&FromClient::Result(cost), line);
    let [line] = examples("{\"failure\"")[..] else {
        panic!("one example");
    };
    let text = "call 12: UNAVAILABLE: connection refused";
    check(&FromClient::Failure(text.into()), line);
}

/// A client can leave out what it cannot count, and add what a later version knows.
#[test]
fn a_result_with_other_fields() {
    let line = r#"{"result":{"cpu_ns":5,"later":true}}"#;
    let cost = Cost {
        cpu_ns: 5,
        ..Cost::default()
    };
    let read: FromClient = serde_json::from_str(line).expect(line);
    assert_eq!(read, FromClient::Result(cost));
}

#[test]
fn the_addresses_of_many_backends() {
    let addresses = resident_backends("127.0.0.1:4001", 1_000);
    assert_eq!(addresses[0].to_string(), "127.1.0.1:4001");
    assert_eq!(addresses[249].to_string(), "127.1.0.250:4001");
    assert_eq!(addresses[250].to_string(), "127.1.1.1:4001");
    assert_eq!(addresses[999].to_string(), "127.1.3.250:4001");
}

#[test]
fn what_a_case_needs() {
    let needs = |case: Case| case.needs().collect::<Vec<_>>();
    assert_eq!(needs(Case::unary(16, 1)), [Ability::Unary]);
    assert_eq!(needs(Case::stream(65_536, 16)), [Ability::Stream]);
    assert_eq!(needs(Case::cold(100)), [Ability::Cold]);
    assert_eq!(needs(Case::resident(1_000)), [Ability::Resident]);
    let all = Case::unary(16, 1).balanced().encrypted().timed();
    let rest = [Ability::RoundRobin, Ability::Tls, Ability::Timeout];
    assert_eq!(needs(all), [&[Ability::Unary], &rest[..]].concat());
}

/// A text has the numbers of its call, and as many `x` as the length needs.
#[test]
fn the_text_of_a_call() {
    let check = |bytes, filler: usize| {
        let expected = format!("0007-00001234-{}", "x".repeat(filler));
        assert_eq!(Case::unary(bytes, 1).text(7, 1_234), expected, "{bytes}");
    };
    check(0, 0);
    check(13, 0);
    check(14, 0);
    check(15, 1);
    check(4_096, 4_082);
    check(4_096 + 14 + 1, 4_097);
    check(65_536, 65_522);
}
