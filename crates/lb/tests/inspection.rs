//! What policies show of themselves ([`Policy::inspect`]).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline_endpoint::{Attributes, Endpoint, PriorityGroup, Weight, Zone};
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{
    AttemptOutcome, ChildNode, ConnectivityState, EndpointNode, FactValue, Facts, GracefulSwitch,
    HierarchyPath, LoadReport, OldList, Policy, PolicyNode, PolicyOptions, PolicyRegistry,
};
use trunkline_service_config::{PolicyChoice, PolicyConfig};
use trunkline_status::Status;

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";

type Channel = FakeChannel<GracefulSwitch>;

/// A channel whose policy is the first that this list names. It has no list of endpoints yet.
fn channel(config: &Value) -> Channel {
    let options = PolicyOptions::new(7)
        .with_policies(PolicyRegistry::standard())
        .with_zone("a");
    let mut channel = FakeChannel::new(GracefulSwitch::new(&options));
    channel.set_config(parse(config));
    channel
}

fn parse(config: &Value) -> Arc<dyn PolicyConfig> {
    let config = PolicyChoice::parse(config, &PolicyRegistry::standard());
    Arc::new(config.expect("a valid configuration"))
}

/// Hands over these endpoints, with the attributes that `attributes` returns for the index of each.
fn update(channel: &mut Channel, list: &str, attributes: impl Fn(usize) -> Attributes) {
    let list = endpoints(list).into_iter().enumerate();
    let list = list.map(|(at, endpoint)| endpoint.with_attributes(attributes(at)));
    let accepted = channel.update_endpoints(list.collect());
    accepted.expect("the policy accepts the list");
}

fn plain(channel: &mut Channel, list: &str) {
    update(channel, list, |_| Attributes::new());
}

fn connect(channel: &mut Channel) {
    for address in channel.addresses().split_whitespace() {
        channel.ready(address);
    }
}

/// Checks what a channel's policy shows, as JSON, with the endpoints of each node sorted by their first
/// address; and that it is the same after it was written and read.
#[track_caller]
fn check(channel: &Channel, expected: &Value) {
    let mut node = channel.policy.inspect(channel.now);
    sort(&mut node);
    let json = serde_json::to_value(&node).expect("a node can be serialized");
    assert_eq!(json, *expected);
    let read: PolicyNode = serde_json::from_value(json).expect("it can be read");
    assert_eq!(read, node);
}

fn sort(node: &mut PolicyNode) {
    node.endpoints
        .sort_by_key(|endpoint| endpoint.addresses.to_vec());
    for child in &mut node.children {
        sort(&mut child.node);
    }
}

/// An endpoint whose one address has one subchannel.
fn endpoint(channel: &Channel, address: &str, state: &str, facts: &Value) -> Value {
    let mut endpoint = json!({
        "addresses": [address],
        "state": state,
        "subchannels": [channel.id(address).to_string()],
    });
    if !facts.is_null() {
        endpoint["facts"] = facts.clone();
    }
    endpoint
}

/// Before the first update, and after an error without a list, there is no policy.
#[test]
fn no_policy() {
    let mut channel = channel(&json!([{ "round_robin": {} }]));
    check(
        &channel,
        &json!({ "policy": "none", "state": "CONNECTING" }),
    );
    channel.resolver_error("timed out", OldList::Keep);
    let failing = json!({ "policy": "none", "state": "TRANSIENT_FAILURE" });
    check(&channel, &failing);
}

/// pick_first lists its addresses in the order in which it tries them. One without a subchannel is idle.
#[test]
fn pick_first() {
    let mut channel = channel(&json!([{ "pick_first": {} }]));
    plain(&mut channel, &format!("{A} {B}"));
    channel.fail(A);
    let expected = json!({
        "policy": "pick_first",
        "state": "CONNECTING",
        "facts": { "phase": "first_pass" },
        "endpoints": [
            endpoint(&channel, A, "TRANSIENT_FAILURE", &Value::Null),
            endpoint(&channel, B, "CONNECTING", &Value::Null),
        ],
    });
    check(&channel, &expected);
    channel.ready(B);
    let expected = json!({
        "policy": "pick_first",
        "state": "READY",
        "facts": { "phase": "ready" },
        "endpoints": [
            { "addresses": [A], "state": "IDLE" },
            endpoint(&channel, B, "READY", &Value::Null),
        ],
    });
    check(&channel, &expected);
}

/// Under another policy, an endpoint has what its pick_first knows of the backend: its health, and whether
/// it is ejected.
#[test]
fn round_robin() {
    let mut channel = channel(&json!([{ "round_robin": {} }]));
    channel.set_health_check(Some("orders"));
    plain(&mut channel, &format!("{A}|{B} 10.0.0.3:443 10.0.0.4:443"));
    channel.fail(A);
    channel.ready(B);
    channel.ready("10.0.0.3:443");
    let watch = channel.watches_of(channel.id(B))[0];
    channel.watch_message(watch, "\x08\x02");
    let watch = channel.watches_of(channel.id("10.0.0.3:443"))[0];
    channel.watch_message(watch, "\x08\x01");
    channel.eject(channel.id("10.0.0.3:443"), true);
    let unhealthy = json!({ "health": "not healthy: NOT_SERVING" });
    let ejected = json!({ "is_ejected": true, "health": "healthy" });
    let expected = json!({
        "policy": "round_robin",
        "state": "CONNECTING",
        "endpoints": [
            {
                "addresses": [A, B],
                "state": "TRANSIENT_FAILURE",
                "subchannels": [channel.id(B).to_string()],
                "facts": unhealthy,
            },
            endpoint(&channel, "10.0.0.3:443", "TRANSIENT_FAILURE", &ejected),
            endpoint(&channel, "10.0.0.4:443", "CONNECTING", &Value::Null),
        ],
    });
    check(&channel, &expected);
}

/// The policy that connects beside the current one is pending. The name of a policy is the one that it
/// was chosen with.
#[test]
fn pending() {
    let mut channel = channel(&json!([{ "round_robin": {} }]));
    plain(&mut channel, A);
    channel.ready(A);
    let current = endpoint(&channel, A, "READY", &Value::Null);
    let before = channel.id(A);
    channel.set_config(parse(&json!([{ "least_request": {} }])));
    plain(&mut channel, B);
    assert!(channel.subchannels.contains_key(&before));
    let expected = json!({
        "policy": "round_robin",
        "state": "READY",
        "endpoints": [current],
        "pending": {
            "policy": "least_request",
            "state": "CONNECTING",
            "facts": { "choice_count": 2 },
            "endpoints": [endpoint(&channel, B, "CONNECTING", &Value::Null)],
        },
    });
    check(&channel, &expected);
}

/// The calls in flight are those that were picked and have not ended.
#[test]
fn least_request() {
    let mut channel = channel(&json!([{ "least_request_experimental": { "choiceCount": 3 } }]));
    plain(&mut channel, &format!("{A} {B}"));
    channel.ready(A);
    for _ in 0..3 {
        assert_eq!(channel.picked(), A);
    }
    let status = Status::unavailable("");
    channel.end_attempt(A, AttemptOutcome::new(&status));
    let expected = json!({
        "policy": "least_request_experimental",
        "state": "READY",
        "facts": { "choice_count": 3 },
        "endpoints": [
            endpoint(&channel, A, "READY", &json!({ "calls_in_flight": 2 })),
            endpoint(&channel, B, "CONNECTING", &Value::Null),
        ],
    });
    check(&channel, &expected);
}

/// Weights are those that count now.
#[test]
fn weights() {
    let config = json!([{ "weighted_round_robin": { "blackoutPeriod": "0s" } }]);
    let mut channel = channel(&config);
    plain(&mut channel, &format!("{A} {B}"));
    connect(&mut channel);
    let report = LoadReport::default()
        .with_cpu_utilization(0.5)
        .with_qps(2.0);
    channel.report_load(A, &report);
    let node = |channel: &Channel, weight: Value| {
        json!({
            "policy": "weighted_round_robin",
            "state": "READY",
            "endpoints": [
                endpoint(channel, A, "READY", &weight),
                endpoint(channel, B, "READY", &Value::Null),
            ],
        })
    };
    check(&channel, &node(&channel, json!({ "weight": 4.0 })));
    channel.now += Duration::from_secs(180);
    check(&channel, &node(&channel, Value::Null));

    let mut channel = self::channel(&json!([{ "static_weights": {} }]));
    update(&mut channel, &format!("{A} {B}"), |at| {
        Attributes::new().with::<Weight>(at as u32)
    });
    let expected = json!({
        "policy": "static_weights",
        "state": "CONNECTING",
        "endpoints": [
            endpoint(&channel, A, "CONNECTING", &json!({ "weight": 0 })),
            endpoint(&channel, B, "CONNECTING", &json!({ "weight": 1 })),
        ],
    });
    check(&channel, &expected);
}

/// An endpoint that no call has used has no subchannel.
#[test]
fn ring_hash() {
    let config = json!([{ "ring_hash_experimental": { "minRingSize": 8 } }]);
    let mut channel = channel(&config);
    update(&mut channel, &format!("{A} {B}"), |at| {
        Attributes::new().with::<Weight>(1 + 2 * at as u32)
    });
    let idle = |address: &str, weight: u32| {
        json!({
            "addresses": [address],
            "state": "IDLE",
            "facts": { "weight": weight },
        })
    };
    let expected = json!({
        "policy": "ring_hash_experimental",
        "state": "IDLE",
        "facts": { "ring_size": 8 },
        "endpoints": [idle(A, 1), idle(B, 3)],
    });
    check(&channel, &expected);
    channel.exit_idle();
    let address = channel.addresses();
    channel.fail(&address);
    let node = channel.policy.inspect(channel.now);
    // gRFC A61: one failing endpoint among others is CONNECTING, and the next one is tried.
    assert_eq!(node.state, ConnectivityState::Connecting);
    assert_eq!(node.subchannels().count(), 2);
}

/// Ejected endpoints are listed with the time that is left, and are in the child's list too.
#[test]
fn outlier_detection() {
    let config = json!([{ "outlier_detection_experimental": {
        "interval": "5s",
        "failurePercentageEjection": { "threshold": 50, "minimumHosts": 2, "requestVolume": 1 },
        "childPolicy": [{ "round_robin": {} }],
    } }]);
    let mut channel = channel(&config);
    plain(&mut channel, &format!("{A} {B}"));
    connect(&mut channel);
    for (address, status) in [
        (A, Status::unavailable("")),
        (B, Status::new(trunkline_status::Code::Ok, "")),
    ] {
        channel.end_attempt(address, AttemptOutcome::new(&status).with_sent(true));
    }
    channel.advance_millis(7000);
    let ejected = json!({ "returns_in_secs": 28.0, "ejections": 1 });
    let child = json!({
        "policy": "round_robin",
        "state": "READY",
        "endpoints": [
            endpoint(&channel, A, "TRANSIENT_FAILURE", &json!({ "is_ejected": true })),
            endpoint(&channel, B, "READY", &Value::Null),
        ],
    });
    let expected = json!({
        "policy": "outlier_detection_experimental",
        "state": "READY",
        "facts": { "counts_calls": true, "ejected_endpoints": 1, "interval_ends_in_secs": 3.0 },
        "children": [{ "name": "child", "node": child }],
        "endpoints": [endpoint(&channel, A, "TRANSIENT_FAILURE", &ejected)],
    });
    check(&channel, &expected);
}

#[test]
fn random_subsetting() {
    let config = json!([{ "random_subsetting_experimental": {
        "subsetSize": 1,
        "childPolicy": [{ "round_robin": {} }],
    } }]);
    let mut channel = channel(&config);
    plain(&mut channel, &format!("{A} {B}"));
    let address = channel.addresses();
    let child = json!({
        "policy": "round_robin",
        "state": "CONNECTING",
        "endpoints": [endpoint(&channel, &address, "CONNECTING", &Value::Null)],
    });
    let expected = json!({
        "policy": "random_subsetting_experimental",
        "state": "CONNECTING",
        "facts": { "listed_endpoints": 2, "used_endpoints": 1 },
        "children": [{ "name": "child", "node": child }],
    });
    check(&channel, &expected);
}

/// Returns the node of a pick_first with one address.
fn picking(channel: &Channel, address: &str, state: &str, phase: &str) -> Value {
    json!({
        "policy": "pick_first",
        "state": state,
        "facts": { "phase": phase },
        "endpoints": [endpoint(channel, address, state, &Value::Null)],
    })
}

/// A child whose failure counts until it is ready is failing, while it connects.
#[test]
fn weighted_target() {
    let child = json!([{ "pick_first": {} }]);
    let config = json!([{ "weighted_target_experimental": { "targets": {
        "x": { "weight": 3, "childPolicy": child },
        "y": { "weight": 1, "childPolicy": child },
    } } }]);
    let mut channel = channel(&config);
    update(&mut channel, &format!("{A} {B}"), |at| {
        Attributes::new().with::<HierarchyPath>(HierarchyPath::new([["x", "y"][at]]))
    });
    channel.ready(A);
    let expected = json!({
        "policy": "weighted_target_experimental",
        "state": "READY",
        "children": [
            {
                "name": "x",
                "facts": { "weight": 3 },
                "node": picking(&channel, A, "READY", "ready"),
            },
            {
                "name": "y",
                "facts": { "weight": 1 },
                "node": picking(&channel, B, "CONNECTING", "first_pass"),
            },
        ],
    });
    check(&channel, &expected);
}

/// Children are in the order of their priority. An unused one is removed after 15 minutes.
#[test]
fn priorities() {
    let config = json!([{ "priority_groups": { "childPolicy": [{ "round_robin": {} }] } }]);
    let mut channel = channel(&config);
    update(&mut channel, &format!("{A} {B}"), |at| {
        Attributes::new().with::<PriorityGroup>(at as u32)
    });
    channel.fail(A);
    channel.ready(B);
    channel.idle(A);
    channel.ready(A);
    channel.advance_millis(60_000);
    let group = |channel: &Channel, address| {
        json!({
            "policy": "round_robin",
            "state": "READY",
            "endpoints": [endpoint(channel, address, "READY", &Value::Null)],
        })
    };
    let names = channel.policy.inspect(channel.now);
    let names = names.children.iter().map(|child| child.name.to_string());
    let names: Vec<String> = names.collect();
    let expected = json!({
        "policy": "priority_groups",
        "state": "READY",
        "facts": { "priorities": 2, "chosen": names[0] },
        "children": [
            { "name": names[0], "facts": { "priority": 0 }, "node": group(&channel, A) },
            {
                "name": names[1],
                "facts": { "priority": 1, "removed_in_secs": 840.0 },
                "node": group(&channel, B),
            },
        ],
    });
    check(&channel, &expected);
}

/// The own zone has one of three ready endpoints, and needs half of them: two thirds of the calls stay.
#[test]
fn zones() {
    let config = json!([{ "zone_aware": { "childPolicy": [{ "round_robin": {} }] } }]);
    let mut channel = channel(&config);
    let list = format!("{A} {B} 10.0.0.3:443");
    update(&mut channel, &list, |at| {
        Attributes::new().with::<Zone>(["a", "b", "b"][at].into())
    });
    connect(&mut channel);
    let ready = |channel: &Channel, addresses: &[&str]| {
        let endpoints = addresses.iter();
        let endpoints = endpoints.map(|it| endpoint(channel, it, "READY", &Value::Null));
        json!({
            "policy": "round_robin",
            "state": "READY",
            "endpoints": endpoints.collect::<Vec<_>>(),
        })
    };
    let expected = json!({
        "policy": "zone_aware",
        "state": "READY",
        "facts": { "zones": 2 },
        "children": [
            {
                "name": "local",
                "facts": { "ready_endpoints": 1, "weight": 2 },
                "node": ready(&channel, &[A]),
            },
            {
                "name": "remote",
                "facts": { "ready_endpoints": 2, "weight": 1 },
                "node": ready(&channel, &[B, "10.0.0.3:443"]),
            },
        ],
    });
    check(&channel, &expected);
}

/// A tree over 10,000 endpoints has a node with a small entry for each of them: its addresses, its
/// subchannels and its facts are one allocation each.
#[test]
fn ten_thousand_endpoints() {
    const COUNT: u64 = 10_000;
    let config = json!([{ "outlier_detection_experimental": {
        "childPolicy": [{ "static_weights": {} }],
    } }]);
    let mut channel = channel(&config);
    let list: Vec<Endpoint> = (0..COUNT)
        .map(|at| {
            let [.., high, low] = at.to_be_bytes();
            Endpoint::new([SocketAddr::from(([10, 0, high, low], 443))])
        })
        .collect();
    channel
        .update_endpoints(list)
        .expect("the policy accepts the list");
    let allocated = allocation_counter::measure(|| {
        let node = channel.policy.inspect(channel.now);
        assert_eq!(node.subchannels().count() as u64, COUNT);
    });
    assert!(allocated.count_total <= 3 * COUNT + 100, "{allocated:?}");
    assert!(allocated.bytes_total <= 256 * COUNT, "{allocated:?}");
}

/// A policy of an endpoint that is no pick_first is a node of its own, and so are pending ones: a walk
/// over the tree has all of them.
#[test]
fn walk() {
    let leaf = |name: &'static str| PolicyNode::new(name, ConnectivityState::Ready);
    let of_endpoint = EndpointNode::new(&endpoints(A)[0], ConnectivityState::Ready);
    let endpoints = vec![of_endpoint.with_policy(leaf("of an endpoint"))];
    let children = vec![
        ChildNode::new("first", leaf("child").with_endpoints(endpoints)),
        ChildNode::new("second", leaf("other child")),
    ];
    let tree = leaf("top").with_children(children);
    let tree = tree.with_pending(Some(leaf("pending").with_child(leaf("child of pending"))));
    let names: Vec<&str> = tree.iter().map(|node| &*node.policy).collect();
    let expected = [
        "top",
        "child",
        "of an endpoint",
        "other child",
        "pending",
        "child of pending",
    ];
    assert_eq!(names, expected);
}

/// Numbers that JSON has not are texts.
#[test]
fn facts() {
    let facts = Facts::new()
        .with("count", 3_u64)
        .with("share", 0.25)
        .with("none", f64::NAN)
        .with("wait_secs", Duration::from_millis(1500))
        .with("count", 4_u64);
    assert_eq!(facts.get("none"), Some(&FactValue::Text("NaN".into())));
    let text = r#"{"count":4,"none":"NaN","share":0.25,"wait_secs":1.5}"#;
    assert_eq!(serde_json::to_string(&facts).expect("JSON"), text);
    let read: Facts = serde_json::from_str(text).expect("facts");
    assert_eq!(read, facts);
    let texts = "count 4, none NaN, share 0.25, wait_secs 1.5";
    assert_eq!(facts.to_string(), texts);
}

/// Addresses of all kinds are the same after they were written and read.
#[test]
fn addresses() {
    for list in ["192.0.2.1:443|[2001:db8::1]:443", "192.0.2.1:443"] {
        let node = EndpointNode::new(&endpoints(list)[0], ConnectivityState::Idle);
        let json = serde_json::to_string(&node).expect("JSON");
        let read: EndpointNode = serde_json::from_str(&json).expect("an endpoint");
        assert_eq!(read, node);
    }
    let bad = r#"{"addresses":["nowhere"],"state":"IDLE"}"#;
    let error = serde_json::from_str::<EndpointNode>(bad).expect_err("no address");
    assert!(error.to_string().starts_with("not an address"), "{error}");
}
