//! `weighted_target_experimental`: named children share the calls by weight.
//!
//! Source: [gRFC A28](https://github.com/grpc/proposal/blob/master/A28-xds-traffic-splitting-and-routing.md).
//! The scenarios are those that the tests of grpc-go cover.

mod support;

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::json;
use support::{check_shares, choice, config_error, options, routed, shares};
use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{OldList, Pick, WeightedTarget, WeightedTargetConfig};
use trunkline_status::Status;

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";
const D: &str = "10.0.0.4:443";

/// A weighted_target policy whose children run this policy.
struct Targets {
    channel: FakeChannel<WeightedTarget>,
    child_policy: &'static str,
}

impl Targets {
    fn new(child_policy: &'static str) -> Self {
        Self {
            channel: FakeChannel::new(WeightedTarget::new(&options(1))),
            child_policy,
        }
    }

    /// Returns targets that run round_robin, after an update.
    fn with_lists(weights: &[(&str, u32)], lists: &str) -> Self {
        let mut targets = Self::new("round_robin");
        targets.update(weights, lists).expect("a usable update");
        targets
    }

    /// Hands over an update with these weights and lists ([`routed`]).
    fn update(&mut self, weights: &[(&str, u32)], lists: &str) -> Result<(), Status> {
        let policy = choice(self.child_policy, json!({}));
        let mut config = WeightedTargetConfig::default();
        for (name, weight) in weights {
            let weight = NonZeroU32::new(*weight).expect("a weight above 0");
            config = config.with_target(*name, weight, policy.clone());
        }
        self.channel.set_config(Arc::new(config));
        self.channel.update_endpoints(routed(lists))
    }

    fn all_ready(&mut self, addresses: &[&str]) {
        for address in addresses {
            self.channel.ready(address);
        }
    }
}

/// One child with one endpoint, which are replaced one after the other.
#[test]
fn one_target() {
    let mut targets = Targets::with_lists(&[("a", 3)], &format!("a: {A}"));
    assert_eq!(targets.channel.dialled(), A);
    assert_eq!(targets.channel.state(), Connecting);
    assert_eq!(targets.channel.pick(), Pick::Queue);
    targets.channel.ready(A);
    check_shares(&targets.channel, &[(A, 10)], 0);
    targets.update(&[("a", 3)], &format!("a: {A} {B}")).unwrap();
    targets.channel.ready(B);
    check_shares(&targets.channel, &[(A, 50), (B, 50)], 1);
    targets.update(&[("a", 3)], &format!("a: {B}")).unwrap();
    assert_eq!(targets.channel.addresses(), B);
    check_shares(&targets.channel, &[(B, 10)], 0);
}

/// The children that are ready share the calls in proportion to their weights, and each child shares
/// its part among its endpoints.
#[test]
fn weights() {
    let weights = [("a", 2), ("b", 1)];
    let mut targets = Targets::with_lists(&weights, &format!("a: {A} {B}; b: {C} {D}"));
    targets.all_ready(&[A, B, C, D]);
    let expected = [(A, 200), (B, 200), (C, 100), (D, 100)];
    check_shares(&targets.channel, &expected, 4);
    // The connection of one endpoint is lost: the part of its child stays the same.
    targets.channel.idle(A);
    check_shares(&targets.channel, &[(B, 400), (C, 100), (D, 100)], 4);
    // A child that has no connection gets no calls.
    targets.channel.idle(B);
    check_shares(&targets.channel, &[(C, 300), (D, 300)], 4);
    assert_eq!(targets.channel.state(), Ready);
}

/// New weights change the shares, and no connection.
#[test]
fn new_weights() {
    let lists = format!("a: {A}; b: {B}");
    let mut targets = Targets::with_lists(&[("a", 2), ("b", 1)], &lists);
    targets.all_ready(&[A, B]);
    check_shares(&targets.channel, &[(A, 200), (B, 100)], 3);
    targets.channel.dialled();
    targets.update(&[("a", 3), ("b", 1)], &lists).unwrap();
    check_shares(&targets.channel, &[(A, 225), (B, 75)], 3);
    assert_eq!(targets.channel.dialled(), "");
    // The sum of the weights may be more than 2^32.
    targets
        .update(&[("a", u32::MAX), ("b", u32::MAX)], &lists)
        .unwrap();
    check_shares(&targets.channel, &[(A, 150), (B, 150)], 3);
}

/// A child that is added gets calls when it is ready. One that is removed gets none.
#[test]
fn targets_come_and_go() {
    let weights = [("a", 1), ("b", 1), ("c", 1)];
    let mut targets = Targets::with_lists(&weights[..2], &format!("a: {A}; b: {B}"));
    targets.all_ready(&[A, B]);
    let lists = format!("a: {A}; b: {B}; c: {C}");
    targets.update(&weights, &lists).unwrap();
    check_shares(&targets.channel, &[(A, 50), (B, 50)], 3);
    targets.channel.ready(C);
    check_shares(&targets.channel, &[(A, 50), (B, 50), (C, 50)], 3);
    targets.update(&[weights[0], weights[2]], &lists).unwrap();
    check_shares(&targets.channel, &[(A, 50), (C, 50)], 3);
    assert_eq!(targets.channel.addresses(), format!("{A} {B} {C}"));
    targets.channel.idle(A);
    targets.channel.fail(A);
    check_shares(&targets.channel, &[(C, 50)], 0);
    targets.update(&weights[..1], &lists).unwrap();
    assert!(targets.channel.error().contains(A));
}

/// "If a child policy is removed, it is kept for 15 minutes": with its connections, but without calls, and
/// its state does not count. So a child that comes back within that time need not connect.
#[test]
fn a_removed_target_is_kept() {
    const MINUTE: u64 = 60_000;
    let weights = [("a", 1), ("b", 1)];
    let lists = format!("a: {A}; b: {B}");
    let mut targets = Targets::with_lists(&weights, &lists);
    targets.all_ready(&[A, B]);
    targets.update(&weights[..1], &format!("a: {A}")).unwrap();
    check_shares(&targets.channel, &[(A, 50)], 0);
    targets.channel.dialled();
    targets.channel.idle(A);
    targets.channel.fail(A);
    assert_eq!(targets.channel.state(), TransientFailure);
    targets.channel.advance_millis(14 * MINUTE);
    assert_eq!(targets.channel.addresses(), format!("{A} {B}"));

    targets.channel.ready(A);
    targets.channel.dialled();
    targets.update(&weights, &lists).unwrap();
    assert_eq!(targets.channel.dialled(), "");
    check_shares(&targets.channel, &[(A, 50), (B, 50)], 3);

    // The time begins again with the next removal.
    targets.update(&weights[..1], &format!("a: {A}")).unwrap();
    targets.channel.advance_millis(14 * MINUTE);
    assert_eq!(targets.channel.addresses(), format!("{A} {B}"));
    targets.channel.advance_millis(MINUTE);
    assert_eq!(targets.channel.addresses(), A);
}

/// No backend has two connections because of a child that is kept: it is removed when another child
/// gets one of its addresses.
#[test]
fn a_kept_target_whose_endpoint_moves() {
    let weights = [("a", 1), ("b", 1)];
    let mut targets = Targets::with_lists(&weights, &format!("a: {A}; b: {B}"));
    targets.all_ready(&[A, B]);
    targets.update(&weights[..1], &format!("a: {A}")).unwrap();
    assert_eq!(targets.channel.addresses(), format!("{A} {B}"));
    targets
        .update(&weights[..1], &format!("a: {A} {B}"))
        .unwrap();
    assert_eq!(targets.channel.addresses(), format!("{A} {B}"));
}

/// A target that is kept opens no connection. It is removed when it has lost its last one: its backends
/// may be shut down, or their addresses may belong to others now.
#[test]
fn a_kept_target_does_not_connect() {
    let weights = [("a", 1), ("b", 1)];
    let lists = format!("a: {A}; b: {B} {C}");
    let mut targets = Targets::with_lists(&weights, &lists);
    targets.all_ready(&[A, B, C]);
    targets.update(&weights[..1], &format!("a: {A}")).unwrap();
    targets.channel.dialled();
    targets.channel.idle(B);
    assert_eq!(targets.channel.addresses(), format!("{A} {B} {C}"));
    targets.channel.idle(C);
    assert_eq!(targets.channel.addresses(), A);
    assert_eq!(targets.channel.dialled(), "");
    check_shares(&targets.channel, &[(A, 10)], 0);
}

/// A target that comes back connects again what it has lost, and only that.
#[test]
fn a_kept_target_connects_when_it_is_back() {
    let weights = [("a", 1), ("b", 1)];
    let lists = format!("a: {A}; b: {B} {C} {D}");
    let mut targets = Targets::with_lists(&weights, &lists);
    targets.all_ready(&[A, B, C, D]);
    targets.update(&weights[..1], &format!("a: {A}")).unwrap();
    targets.channel.idle(B);
    targets.channel.idle(C);
    targets.channel.dialled();
    // The new list no longer has one of the lost endpoints.
    let lists = format!("a: {A}; b: {B} {D}");
    targets.update(&weights, &lists).unwrap();
    assert_eq!(targets.channel.dialled(), B);
    check_shares(&targets.channel, &[(A, 50), (D, 50)], 3);
    targets.channel.ready(B);
    check_shares(&targets.channel, &[(A, 50), (B, 25), (D, 25)], 3);
}

/// A target without a connection is removed at once, and what it connects is not awaited.
#[test]
fn a_target_that_is_not_ready_is_not_kept() {
    let weights = [("a", 1), ("b", 1), ("c", 1)];
    let lists = format!("a: {A}; b: {B}; c: {C}");
    let mut targets = Targets::with_lists(&weights, &lists);
    targets.channel.ready(A);
    targets.channel.fail(C);
    targets.update(&weights[..1], &format!("a: {A}")).unwrap();
    assert_eq!(targets.channel.addresses(), A);
}

/// Returns how many connections are left of a configuration that has one target with this number of
/// endpoints, all ready, and each time with another name.
fn kept_connections(updates: usize, endpoints: usize) -> usize {
    let mut targets = Targets::new("round_robin");
    for number in 0..updates {
        let name = format!("target {number}");
        let addresses: Vec<String> = (0..endpoints)
            .map(|at| format!("10.{number}.{}.{}:443", at / 250, at % 250))
            .collect();
        let list = format!("{name}: {}", addresses.join(" "));
        targets.update(&[(&name, 1)], &list).unwrap();
        addresses
            .iter()
            .for_each(|address| targets.channel.ready(address));
    }
    targets.channel.addresses().split(' ').count()
}

/// A configuration with new names again and again keeps 16 children of before, and of their endpoints
/// no more than 1,000.
#[test]
fn kept_targets_are_few() {
    assert_eq!(kept_connections(40, 1), 1 + 16);
    assert_eq!(kept_connections(5, 300), 300 + 900);
}

/// READY before CONNECTING before IDLE before TRANSIENT_FAILURE.
#[test]
fn aggregated_state() {
    let mut targets = Targets::new("pick_first");
    let weights = [("a", 1), ("b", 1)];
    targets
        .update(&weights, &format!("a: {A}; b: {B}"))
        .unwrap();
    targets.channel.fail(A);
    assert_eq!(targets.channel.state(), Connecting);
    targets.channel.ready(B);
    assert_eq!(targets.channel.state(), Ready);
    targets.channel.idle(B);
    assert_eq!(targets.channel.state(), Idle);
    assert_eq!(targets.channel.pick(), Pick::ExitIdle);
    targets.channel.dialled();
    targets.channel.exit_idle();
    assert_eq!(targets.channel.dialled(), B);
    assert_eq!(targets.channel.state(), Connecting);
    targets.channel.fail(B);
    assert_eq!(targets.channel.state(), TransientFailure);
}

/// A child that becomes idle connects again while another one has the calls: none of them reaches it.
#[test]
fn idle_beside_a_ready_child() {
    let mut targets = Targets::new("pick_first");
    let weights = [("a", 1), ("b", 1)];
    let lists = format!("a: {A}; b: {B}");
    targets.update(&weights, &lists).unwrap();
    targets.all_ready(&[A, B]);
    targets.channel.dialled();
    targets.channel.idle(A);
    assert_eq!(targets.channel.dialled(), A);
    check_shares(&targets.channel, &[(B, 10)], 0);
    targets.channel.ready(A);
    check_shares(&targets.channel, &[(A, 50), (B, 50)], 3);
}

/// When all children have failed, calls get the errors of all of them, by weight. The state does not
/// return to CONNECTING before a child is ready.
#[test]
fn all_targets_fail() {
    let weights = [("a", 2), ("b", 1)];
    let mut targets = Targets::with_lists(&weights, &format!("a: {A}; b: {B}"));
    targets.channel.fail(A);
    targets.channel.fail(B);
    let mut errors = [0_usize; 2];
    let picker = targets.channel.picker();
    for _ in 0..300 {
        let Pick::Fail(status) = trunkline_lb::testing::pick(&*picker) else {
            panic!("a failure")
        };
        errors[usize::from(status.message().contains(B))] += 1;
    }
    assert!(errors[0].abs_diff(200) <= 3, "{errors:?}");
    targets.channel.states();
    targets.channel.idle(A);
    targets.channel.fail(A);
    assert!(
        targets
            .channel
            .states()
            .iter()
            .all(|state| *state == TransientFailure)
    );
    targets.channel.idle(A);
    targets.channel.ready(A);
    check_shares(&targets.channel, &[(A, 10)], 0);
}

/// A child that is already failing when it is created keeps the others' calls.
#[test]
fn one_target_fails_from_the_start() {
    let weights = [("a", 1), ("b", 1)];
    let mut targets = Targets::with_lists(&weights, &format!("b: {B}"));
    targets.channel.ready(B);
    assert_eq!(shares(&targets.channel, 10), [(B.to_owned(), 10)]);
}

/// A list that no child accepts is refused; one that a child accepts is not.
#[test]
fn refused_lists() {
    let weights = [("a", 1), ("b", 1)];
    let mut targets = Targets::with_lists(&weights, &format!("b: {B}"));
    let error = targets
        .update(&weights, "")
        .expect_err("no endpoint has a path");
    assert!(error.message().contains("zero addresses"), "{error}");
    assert_eq!(targets.channel.state(), TransientFailure);
}

/// Without targets, calls fail with an error that gives the reason.
#[test]
fn no_targets() {
    let mut targets = Targets::with_lists(&[], "");
    let text = "weighted_target: the configuration names no targets";
    assert_eq!(targets.channel.error(), text);
    targets.update(&[("a", 1)], &format!("a: {A}")).unwrap();
    assert_eq!(targets.channel.state(), Connecting);
    targets.channel.ready(A);
    targets.update(&[], "").unwrap();
    assert_eq!(targets.channel.error(), text);
    assert_eq!(targets.channel.addresses(), A);

    let mut targets = Targets::new("round_robin");
    targets.channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(targets.channel.error(), "name resolver error: timed out");
}

/// While an update is applied, the policy does not react to its children: it publishes once.
#[test]
fn one_picker_for_an_update() {
    let weights = [("a", 1), ("b", 1)];
    let mut targets = Targets::with_lists(&weights, &format!("a: {A}; b: {B}"));
    targets.all_ready(&[A, B]);
    targets.channel.states();
    targets
        .update(&weights, &format!("a: {B}; b: {A}"))
        .unwrap();
    assert_eq!(targets.channel.states(), [Connecting]);
}

/// A new policy under the name of a child connects beside the old one.
#[test]
fn child_policy_changes() {
    let weights = [("a", 1)];
    let mut targets = Targets::with_lists(&weights, &format!("a: {A} {B}"));
    targets.all_ready(&[A, B]);
    targets.child_policy = "pick_first";
    targets.update(&weights, &format!("a: {A} {B}")).unwrap();
    check_shares(&targets.channel, &[(A, 10), (B, 10)], 1);
}

/// A tree of two levels: each level removes one name of the endpoints' paths.
#[test]
fn two_levels() {
    let leaf = json!([{"round_robin": {}}]);
    let inner = |weights: [u32; 2]| {
        json!([{"weighted_target_experimental": {"targets": {
            "x": {"weight": weights[0], "childPolicy": leaf},
            "y": {"weight": weights[1], "childPolicy": leaf},
        }}}])
    };
    let config = choice(
        "weighted_target_experimental",
        json!({"targets": {
            "a": {"weight": 1, "childPolicy": inner([1, 3])},
            "b": {"weight": 1, "childPolicy": inner([1, 1])},
        }}),
    );
    let mut channel = FakeChannel::new(WeightedTarget::new(&options(1)));
    channel.set_config(config.config);
    let lists = format!("a/x: {A}; a/y: {B}; b/x: {C}; b/y: {D}");
    channel.update_endpoints(routed(&lists)).unwrap();
    for address in [A, B, C, D] {
        channel.ready(address);
    }
    check_shares(&channel, &[(A, 100), (B, 300), (C, 200), (D, 200)], 4);
}

/// The configuration as a service config has it, and its errors with their place.
#[test]
fn configuration() {
    let name = "weighted_target_experimental";
    let one = NonZeroU32::MIN;
    let expected = WeightedTargetConfig::default()
        .with_target("a", one, choice("round_robin", json!({})))
        .with_target("b", NonZeroU32::MAX, choice("pick_first", json!({})));
    let parsed = choice(
        name,
        json!({"targets": {
            "b": {"weight": 4_294_967_295_u32, "childPolicy": [{"pick_first": {}}]},
            "a": {"weight": 1, "childPolicy": [{"unknown": {}}, {"round_robin": {}}]},
        }}),
    );
    assert!(parsed.config.equals(&expected), "{parsed:?}");

    let check = |config, expected: &str| assert_eq!(config_error(name, config), expected);
    let target = |weight: serde_json::Value| json!({"targets": {"a": {"weight": weight, "childPolicy": [{"round_robin": {}}]}}});
    check(json!({}), "/targets: is missing");
    check(json!(null), "/targets: is missing");
    check(
        target(json!(0)),
        "/targets/a/weight: expected an integer from 1 to 4294967295, found 0",
    );
    check(
        target(json!(-1)),
        "/targets/a/weight: expected an integer from 0 to 4294967295, found -1",
    );
    check(target(json!(null)), "/targets/a/weight: is missing");
    check(
        json!({"targets": {"a": {"weight": 1}}}),
        "/targets/a/childPolicy: is missing",
    );
    check(
        json!({"targets": {"a": {"weight": 1, "childPolicy": [{"unknown": {}}]}}}),
        "/targets/a/childPolicy: no policy of this list is known here: unknown",
    );
}
