//! Tests of `--lb`, with three backends.

use serde_json::json;
use trunkline_testkit::backend::Backend;
use trunkline_testkit::dns::{Data, DnsServer, Reply, Type};

use crate::call::backend;
use crate::command::{object, trunkline, with_enough_calls, with_enough_time};
use crate::raw_peer;

/// Makes calls to three backends with these options. The shares of the calls, the least first and in
/// percent, must be as expected.
#[track_caller]
fn check(backends: &[Backend; 3], options: &[&str], are_expected: impl Fn([u64; 3]) -> bool) {
    let addresses = backends.each_ref().map(|it| it.address_v4().to_string());
    let target = format!("ipv4:{}", addresses.join(","));
    let shares = with_enough_calls(
        |count| {
            let option = format!("--count={count}");
            let args = ["call", &target, &option, "--concurrency=4"];
            let (status, object) = object(&[&args[..], options].concat());
            assert_eq!((status, &object["ok"]), (0, &json!(count)), "{object}");
            let calls = |address: &String| object["backends"][address].as_u64().unwrap_or(0);
            let mut calls = addresses.each_ref().map(calls);
            calls.sort_unstable();
            assert_eq!(calls.iter().sum::<u64>(), count, "{object}");
            calls.map(|calls| calls * 100 / count)
        },
        |shares| are_expected(*shares),
    );
    assert!(are_expected(shares), "{options:?}: {shares:?}");
}

/// Each policy that works without a configuration spreads the calls as it promises.
#[test]
fn policies_without_a_configuration() {
    let backends = ["a", "b", "c"].map(backend);
    for policy in [
        "round_robin",
        "weighted_round_robin",
        "least_request",
        "least_request_experimental",
        "priority_groups",
        "static_weights",
        "zone_aware",
    ] {
        check(&backends, &["--lb", policy], |shares| shares[0] > 16);
    }
    check(&backends, &["--lb", "pick_first"], |shares| {
        shares == [0, 0, 100]
    });
}

/// People see the share of each backend.
#[test]
fn shares_are_printed() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let stdout = trunkline(&["call", &target, "--count=3"]).stdout;
    let line = format!("       3  100 %  {}\n", backend.address_v4());
    assert!(stdout.starts_with(&line), "{stdout}");
}

/// Under `srv:`, the hosts with the lowest priority share the calls by weight; the reserve gets none.
#[test]
fn hosts_of_a_service() {
    let backends = ["a", "b", "c"].map(backend);
    let server = DnsServer::start().expect("a DNS server");
    let ranks = [(10, 3), (10, 1), (20, 100)];
    let records = backends
        .iter()
        .zip(ranks)
        .map(|(backend, (priority, weight))| Data::Srv {
            priority,
            weight,
            port: backend.address_v4().port(),
            target: "host.test".to_owned(),
        });
    server.set("_grpc._tcp.x.test", Type::SRV, Reply::data(60, records));
    server.set("host.test", Type::A, Reply::a(60, [[127, 0, 0, 1].into()]));
    server.set("host.test", Type::AAAA, Reply::no_data());
    let target = format!("srv://{}/_grpc._tcp.x.test", server.address());
    let called = |count: u64| {
        let (status, object) = object(&["call", &target, &format!("--count={count}")]);
        assert_eq!((status, &object["ok"]), (0, &json!(count)), "{object}");
        let share = |backend: &Backend| {
            let address = backend.address_v4().to_string();
            object["backends"][address].as_u64().unwrap_or(0) * 100 / count
        };
        backends.each_ref().map(share)
    };
    // Three of four, give or take the luck of the draw.
    let are_expected = |shares: &[u64; 3]| (63..=87).contains(&shares[0]) && shares[2] == 0;
    let shares = with_enough_calls(called, are_expected);
    assert!(are_expected(&shares), "{shares:?}");
}

/// A policy that needs a configuration gets it by `--service-config`; `--lb` refuses it, and the hint
/// shows the option.
#[test]
fn policies_with_a_configuration() {
    let backends = ["a", "b", "c"].map(backend);
    let config = json!({ "loadBalancingConfig": [{ "outlier_detection": {
        "failurePercentageEjection": {}, "childPolicy": [{ "round_robin": {} }],
    }}]});
    let options = ["--service-config", &config.to_string()];
    check(&backends, &options, |shares| shares[0] > 16);
    let config = json!({ "loadBalancingConfig": [{ "random_subsetting": {
        "subsetSize": 2, "childPolicy": [{ "round_robin": {} }],
    }}]});
    let options = ["--service-config", &config.to_string()];
    check(&backends, &options, |shares| {
        shares[0] == 0 && shares[1] > 16
    });
    // The metadata of `-H` decides the backend.
    let config =
        json!({ "loadBalancingConfig": [{ "ring_hash": { "requestHashHeader": "session" } }] });
    let options = ["--service-config", &config.to_string(), "-H", "session: 7"];
    check(&backends, &options, |shares| shares == [0, 0, 100]);
    for (policy, reason) in [
        ("outlier_detection", ": childPolicy: is missing"),
        ("weighted_target", ": targets: is missing"),
        ("weighted_target_experimental", ": targets: is missing"),
        ("priority", ""),
        ("random_subsetting", ": subsetSize: is missing"),
        ("ring_hash", ""),
    ] {
        let ran = trunkline(&["call", "ipv4:127.0.0.1:1", "--lb", policy]);
        let expected = format!(
            "error: --lb: the policy \"{policy}\" needs a configuration{reason}\ntry: give it as \
             --service-config '{{\"loadBalancingConfig\":[{{\"{policy}\":{{..}}}}]}}'\n"
        );
        assert_eq!((ran.status, ran.stderr), (2, expected));
    }
}

/// With `-v` the ejection of a backend that fails is logged, with the method that detected it.
#[test]
fn an_ejection_is_logged() {
    let (a, b) = (backend("a"), backend("b"));
    let failing = raw_peer::target(|_| raw_peer::status(14, "not now"));
    let failing = failing.strip_prefix("ipv4:").expect("an address");
    let target = format!("ipv4:{failing},{},{}", a.address_v4(), b.address_v4());
    let config = json!({ "loadBalancingConfig": [{ "outlier_detection": {
        "interval": "0.2s",
        "failurePercentageEjection": { "minimumHosts": 3, "requestVolume": 5 },
        "childPolicy": [{ "round_robin": {} }],
    }}]});
    let line = format!("WARN trunkline::event: ejection: {failing}: ejected by failure_percentage");
    let config = config.to_string();
    let args = [
        "call",
        &target,
        "--qps=200",
        "-v",
        "--service-config",
        &config,
    ];
    let ran = with_enough_time(
        |seconds| trunkline(&[&args[..], &[&format!("--for={seconds}")]].concat()),
        |ran| ran.stderr.contains(&line),
    );
    assert!(ran.stderr.contains(&line), "{ran:?}");
}

/// For an unknown policy, the known ones are listed by their short names.
#[test]
fn an_unknown_policy() {
    for command in ["call", "watch"] {
        let ran = trunkline(&[command, "ipv4:127.0.0.1:1", "--lb", "no_such_policy"]);
        let (error, hint) = ran.stderr.split_once('\n').expect("two lines");
        assert_eq!(
            (ran.status, error),
            (2, "error: --lb: there is no policy \"no_such_policy\"")
        );
        let known = hint.strip_prefix("try: give one of ").expect("a hint");
        let known: Vec<&str> = known.trim_end().split(", ").collect();
        for name in ["pick_first", "round_robin", "least_request"] {
            assert!(known.contains(&name), "{hint}");
        }
        assert!(!hint.contains("experimental"), "{hint}");
    }
}
