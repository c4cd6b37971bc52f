//! Tests of `--lb`, with three backends.

use serde_json::json;
use trunkline_testkit::backend::Backend;
use trunkline_testkit::dns::{Data, DnsServer, Reply, Type};

use crate::call::backend;
use crate::command::{object, trunkline, with_enough_time};
use crate::raw_peer;

const CALLS: u64 = 600;

/// Makes [`CALLS`] calls to three backends with these options, once all are connected. Returns the number
/// of calls of each, the least first.
fn shares(backends: &[Backend; 3], options: &[&str]) -> [u64; 3] {
    let addresses = backends.each_ref().map(|it| it.address_v4().to_string());
    let target = format!("ipv4:{}", addresses.join(","));
    let count = CALLS.to_string();
    let args = ["call", &target, "--count", &count, "--concurrency=4"];
    let (status, object) = object(&[&args[..], options].concat());
    assert_eq!((status, &object["ok"]), (0, &json!(CALLS)), "{object}");
    let mut shares = addresses.map(|address| object["backends"][address].as_u64().unwrap_or(0));
    shares.sort_unstable();
    assert_eq!(shares.iter().sum::<u64>(), CALLS, "{object}");
    shares
}

/// Each policy that works without a configuration spreads the calls as it promises. The first calls may
/// all go to the backend that is connected first.
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
        let shares = shares(&backends, &["--lb", policy]);
        assert!(shares[0] > CALLS / 6, "{policy}: {shares:?}");
    }
    assert_eq!(shares(&backends, &["--lb", "pick_first"]), [0, 0, CALLS]);
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
    let (status, object) = object(&["call", &target, "--count=400"]);
    assert_eq!((status, &object["ok"]), (0, &json!(400)), "{object}");
    let share = |at: usize| {
        let address = backends[at].address_v4().to_string();
        object["backends"][address].as_u64().unwrap_or(0)
    };
    // The first calls may all go to the backend that is connected first.
    assert!((250..=350).contains(&share(0)), "{object}");
    assert_eq!((share(0) + share(1), share(2)), (400, 0), "{object}");
}

/// A policy that needs a configuration gets it by `--service-config`; `--lb` refuses it, and the hint
/// shows the option.
#[test]
fn policies_with_a_configuration() {
    let backends = ["a", "b", "c"].map(backend);
    let config = json!({ "loadBalancingConfig": [{ "outlier_detection": {
        "failurePercentageEjection": {}, "childPolicy": [{ "round_robin": {} }],
    }}]});
    let ejecting = shares(&backends, &["--service-config", &config.to_string()]);
    assert!(ejecting[0] > CALLS / 6, "{ejecting:?}");
    let config = json!({ "loadBalancingConfig": [{ "random_subsetting": {
        "subsetSize": 2, "childPolicy": [{ "round_robin": {} }],
    }}]});
    let some = shares(&backends, &["--service-config", &config.to_string()]);
    assert!(some[0] == 0 && some[1] > CALLS / 6, "{some:?}");
    // The metadata of `-H` decides the backend.
    let config =
        json!({ "loadBalancingConfig": [{ "ring_hash": { "requestHashHeader": "session" } }] });
    let options = ["--service-config", &config.to_string(), "-H", "session: 7"];
    assert_eq!(shares(&backends, &options), [0, 0, CALLS]);
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
