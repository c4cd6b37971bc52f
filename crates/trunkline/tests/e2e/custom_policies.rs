//! Tests of the policies of the examples `warm_up` and `lanes`, with the harness for policies.

use std::sync::Arc;

use trunkline::ConnectivityState::{Connecting, Ready, TransientFailure};
use trunkline::http::HeaderMap;
use trunkline::lb::testing::{
    CHILD_NAME, FakeChannel, check_parent, check_policy, endpoints, pick,
};
use trunkline::lb::{
    HierarchyPath, OldList, Pick, PickRequest, Policy, PolicyFactory, PolicyOptions, PolicyRegistry,
};
use trunkline::serde_json::{Value, json};
use trunkline::service_config::{ConfigError, PolicyConfig};
use trunkline::{Attributes, Endpoint};

use self::lanes::{Lanes, LanesFactory};
use self::warm_up::{WarmUp, WarmUpFactory};

#[path = "../../examples/lanes/policy.rs"]
mod lanes;
#[path = "../../examples/warm_up/policy.rs"]
mod warm_up;

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";

fn parse(
    factory: &impl PolicyFactory,
    config: &Value,
) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
    factory.parse_config(config, &PolicyRegistry::standard())
}

/// Checks the JSON pointer and the reason of an error.
#[track_caller]
fn check_error(factory: &impl PolicyFactory, config: &Value, pointer: &str, reason: &str) {
    let error = parse(factory, config).expect_err("a bad value");
    // The list of all policies, which may come after the reason, changes with each new one.
    let found = error.reason().split("; known are: ").next();
    assert_eq!((&*error.pointer(), found), (pointer, Some(reason)));
}

/// Returns a policy that warms backends up for a minute.
fn warm_up(list: &str) -> FakeChannel<WarmUp> {
    let config = parse(&WarmUpFactory, &json!({ "window": "60s" }));
    let mut channel = FakeChannel::new(WarmUp::new(&PolicyOptions::new(7)));
    channel.set_config(config.expect("a valid configuration"));
    channel.update(list).expect("the list has addresses");
    channel
}

/// Returns how many of 1000 calls the backend at `address` gets.
fn share(channel: &FakeChannel<WarmUp>, address: &str) -> usize {
    let id = channel.id(address);
    let picker = channel.picker();
    let picks = (0..1000).filter(|_| pick(&*picker) == Pick::Subchannel(id));
    picks.count()
}

/// Checks that a backend gets about as many of 1000 calls.
#[track_caller]
fn check_share(channel: &FakeChannel<WarmUp>, address: &str, expected: usize) {
    let share = share(channel, address);
    assert!(share.abs_diff(expected) < 60, "{share}, not {expected}");
}

/// A backend that connects beside a warm one gets a tenth of its calls, then more and more, and as many
/// after the window. From then on nothing wakes the policy.
#[test]
fn a_new_backend_warms_up() {
    let mut channel = warm_up(&[A, B].join(" "));
    channel.ready(A);
    assert_eq!(share(&channel, A), 1000);
    channel.advance_millis(60_000);
    assert_eq!(channel.policy.poll_timeout(), None);
    channel.ready(B);
    for (expected, millis) in [(91, 29_999), (310, 6_001), (375, 24_000), (500, 0)] {
        check_share(&channel, B, expected);
        channel.advance_millis(millis);
    }
    assert_eq!(channel.policy.poll_timeout(), None);
}

/// Backends that all start together share the calls equally.
#[test]
fn equally_cold_backends_share_equally() {
    let mut channel = warm_up(&[A, B].join(" "));
    channel.ready(A);
    channel.ready(B);
    check_share(&channel, A, 500);
}

/// A backend that was ejected, or lost its connection, is cold again.
#[test]
fn a_backend_that_comes_back_is_cold() {
    let mut channel = warm_up(&[A, B].join(" "));
    channel.ready(A);
    channel.ready(B);
    channel.advance_millis(60_000);
    channel.eject(channel.id(B), true);
    assert_eq!(share(&channel, A), 1000);
    channel.eject(channel.id(B), false);
    check_share(&channel, B, 91);
    channel.idle(A);
    channel.advance_millis(60_000);
    channel.ready(A);
    check_share(&channel, A, 91);
}

/// A backend that fails is left out; when all fail, calls get the error of the one that failed last.
#[test]
fn warm_up_fails_with_its_backends() {
    let mut channel = warm_up(&[A, B].join(" "));
    channel.ready(A);
    channel.fail(B);
    assert_eq!(share(&channel, A), 1000);
    channel.idle(A);
    channel.fail(A);
    assert!(channel.error().contains(A), "{}", channel.error());
    assert_eq!(
        channel.states(),
        [Connecting, Ready, Connecting, TransientFailure]
    );
}

#[test]
fn warm_up_keeps_the_rules() {
    for window in ["0s", "1s"] {
        let config = parse(&WarmUpFactory, &json!({ "window": window }));
        check_policy(config.expect("a valid configuration"), |options| {
            WarmUpFactory.build(options)
        });
    }
    let reason = "expected decimal seconds such as \"1.5s\", found \"1m\"";
    check_error(
        &WarmUpFactory,
        &json!({ "window": "1m" }),
        "/window",
        reason,
    );
}

fn lanes_config() -> Value {
    json!({
        "header": "x-lane",
        "default": "stable",
        "lanes": { "stable": [{ "round_robin": {} }], "canary": [{ "pick_first": {} }] },
    })
}

/// Returns endpoints without a lane, then those of a lane.
fn in_lanes(list: &str, lane: &str, of_lane: &str) -> Vec<Endpoint> {
    let path = HierarchyPath::new([lane]);
    let attributes = Attributes::new().with::<HierarchyPath>(path);
    let of_lane = endpoints(of_lane).into_iter();
    let of_lane = of_lane.map(|endpoint| endpoint.with_attributes(attributes.clone()));
    endpoints(list).into_iter().chain(of_lane).collect()
}

/// Returns a policy with `A` and `B` in the default lane, and `C` in the lane `canary`.
fn lanes() -> FakeChannel<Lanes> {
    let config = parse(&LanesFactory, &lanes_config()).expect("a valid configuration");
    let options = PolicyOptions::new(7).with_policies(PolicyRegistry::standard());
    let mut channel = FakeChannel::new(Lanes::new(&options));
    channel.set_config(config);
    let list = in_lanes(&[A, B].join(" "), "canary", C);
    channel
        .update_endpoints(list)
        .expect("the list has addresses");
    channel
}

/// Picks once, for a call with this header.
fn pick_in(channel: &FakeChannel<Lanes>, lane: &'static str) -> Pick {
    let mut metadata = HeaderMap::new();
    metadata.insert("x-lane", lane.parse().expect("a value"));
    let request = PickRequest::new("/test.Service/Method", &metadata);
    channel.picker().pick(&request)
}

/// The header chooses the lane. A call without it, or with the name of no lane, goes to the default lane.
#[test]
fn the_header_chooses_the_lane() {
    let mut channel = lanes();
    for address in [A, B, C] {
        channel.ready(address);
    }
    let canary = Pick::Subchannel(channel.id(C));
    for _ in 0..4 {
        assert_eq!(pick_in(&channel, "canary"), canary);
        assert_ne!(pick_in(&channel, "no such lane"), canary);
        assert_ne!(pick_in(&channel, "stable"), canary);
        assert_ne!(channel.pick(), canary);
    }
}

/// The lanes do not share their troubles: calls of a lane wait or fail while those of another succeed.
#[test]
fn lanes_fail_alone() {
    let mut channel = lanes();
    channel.ready(A);
    assert_eq!(pick_in(&channel, "canary"), Pick::Queue);
    channel.fail(C);
    let Pick::Fail(error) = pick_in(&channel, "canary") else {
        panic!("the lane has failed");
    };
    assert!(error.message().contains(C), "{error}");
    assert_eq!(channel.picked(), A);
    // The state of the channel is that of the default lane.
    assert_eq!(channel.state(), Ready);
    channel.idle(A);
    channel.fail(A);
    channel.fail(B);
    channel.idle(C);
    channel.ready(C);
    assert_eq!(channel.state(), TransientFailure);
    assert_eq!(pick_in(&channel, "canary"), Pick::Subchannel(channel.id(C)));
}

/// A lane that the configuration no longer names is removed, and its calls go to the default lane. A lane
/// without endpoints fails its calls.
#[test]
fn lanes_come_and_go() {
    let mut channel = lanes();
    channel.ready(A);
    channel.ready(C);
    channel.update(A).expect("the default lane has an address");
    assert_eq!(channel.addresses(), A);
    let Pick::Fail(error) = pick_in(&channel, "canary") else {
        panic!("the lane is empty");
    };
    assert!(error.message().contains("zero addresses"), "{error}");
    let mut config = lanes_config();
    config["lanes"] = json!({ "stable": [{ "round_robin": {} }] });
    channel.set_config(parse(&LanesFactory, &config).expect("a valid configuration"));
    channel.update(A).expect("the list has an address");
    assert_eq!(pick_in(&channel, "canary"), Pick::Subchannel(channel.id(A)));
}

/// Before the first list, the error of the resolver is the error of calls.
#[test]
fn errors_before_the_first_list() {
    let options = PolicyOptions::new(7).with_policies(PolicyRegistry::standard());
    let mut channel = FakeChannel::new(Lanes::new(&options));
    channel.resolver_error("NXDOMAIN", OldList::DropList);
    assert_eq!(channel.error(), "NXDOMAIN");
}

#[test]
fn lanes_keep_the_rules() {
    let one_lane = json!({
        "header": "x-lane",
        "default": "stable",
        "lanes": { "stable": [{ "round_robin": {} }] },
    });
    check_policy(
        parse(&LanesFactory, &one_lane).expect("a valid configuration"),
        |options| {
            let options = options.clone().with_policies(PolicyRegistry::standard());
            LanesFactory.build(&options)
        },
    );
}

/// Each event reaches the lane that it belongs to.
#[test]
fn lanes_forward_each_event() {
    let mut registry = PolicyRegistry::empty();
    let config = json!({
        "header": "x-lane",
        "default": "stable",
        "lanes": { "stable": [{ CHILD_NAME: {} }] },
    });
    let children = PolicyRegistry::empty().with(Recording);
    let config = LanesFactory.parse_config(&config, &children);
    check_parent(config.expect("a valid configuration"), |child| {
        registry.register(child);
        LanesFactory.build(&PolicyOptions::new(1).with_policies(registry))
    });
}

/// Parses the configuration of the recording children, which has no field.
#[derive(Debug)]
struct Recording;

impl PolicyFactory for Recording {
    fn name(&self) -> &str {
        CHILD_NAME
    }

    fn parse_config(
        &self,
        _: &Value,
        _: &dyn trunkline::service_config::PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(()))
    }

    fn build(&self, _: &PolicyOptions) -> Box<dyn Policy> {
        unreachable!("`check_parent` has a factory of its own")
    }
}

/// Errors lead to the place of the bad value, through the policies of the lanes too.
#[test]
fn lanes_check_their_configuration() {
    let check = |change: fn(&mut Value), pointer: &str, reason: &str| {
        let mut config = lanes_config();
        change(&mut config);
        check_error(&LanesFactory, &config, pointer, reason);
    };
    check(
        |config| config["header"] = json!("x lane"),
        "/header",
        "expected the name of a header, found \"x lane\"",
    );
    check(
        |config| config["default"] = json!("fast"),
        "/default",
        "expected the name of a lane, found \"fast\"",
    );
    check(
        |config| config["lanes"]["canary"] = json!([{ "mine_v2": {} }]),
        "/lanes/canary",
        "no policy of this list is known here: mine_v2",
    );
    check(
        |config| config["lanes"] = Value::Null,
        "/lanes",
        "is missing",
    );
}
