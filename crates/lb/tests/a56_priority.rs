//! `priority_experimental`: the first child that works gets all calls.
//!
//! Source: [gRFC A56](https://github.com/grpc/proposal/blob/master/A56-priority-lb-policy.md). The
//! scenarios are those that the tests of grpc-go cover.

mod support;

use serde_json::json;
use support::{choice, config_error, options, routed};
use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{
    OldList, Pick, Priority, PriorityChild, PriorityConfig, PriorityGroupsFactory, Update,
};
use trunkline_status::Status;

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";
const D: &str = "10.0.0.4:443";

/// A priority policy whose children run this policy.
struct Children {
    channel: FakeChannel<Priority>,
    child_policy: &'static str,
}

impl Children {
    fn new(child_policy: &'static str) -> Self {
        Self {
            channel: FakeChannel::new(Priority::new(&options(1))),
            child_policy,
        }
    }

    /// Returns children that run round_robin, after an update with these lists.
    fn with_lists(lists: &str) -> Self {
        let mut children = Self::new("round_robin");
        children.update(lists).expect("a usable update");
        children
    }

    /// Hands over an update with these lists ([`routed`]); the children have the priority of their
    /// lists.
    fn update(&mut self, lists: &str) -> Result<(), Status> {
        let policy = choice(self.child_policy, json!({}));
        let names = lists.split(';').filter(|part| !part.trim().is_empty());
        let names = names.map(|part| part.split(':').next().expect("a name").trim().to_owned());
        let children = names.map(|name| PriorityChild::new(name, policy.clone()));
        let config = children.fold(PriorityConfig::default(), PriorityConfig::with_child);
        self.update_with(config, lists)
    }

    fn update_with(&mut self, config: PriorityConfig, lists: &str) -> Result<(), Status> {
        self.channel.set_config(std::sync::Arc::new(config));
        self.channel.update_endpoints(routed(lists))
    }

    /// Fails the attempts and connections of these addresses.
    fn down(&mut self, addresses: &[&str]) {
        for address in addresses {
            let id = self.channel.id(address);
            if self.channel.subchannels[&id].state == trunkline_lb::SubchannelState::Ready {
                self.channel.idle(address);
            }
            self.channel.fail(address);
        }
    }

    #[track_caller]
    fn check_calls_go_to(&self, address: &str) {
        assert_eq!(self.channel.state(), Ready);
        for _ in 0..5 {
            assert_eq!(self.channel.picked(), address);
        }
    }
}

/// The first child gets the calls while it is ready. Children below it are not created, and adding or
/// removing them changes nothing.
#[test]
fn first_child_ready() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    assert_eq!(children.channel.dialled(), A);
    assert_eq!(children.channel.state(), Connecting);
    children.channel.ready(A);
    children.check_calls_go_to(A);
    let published = children.channel.published.len();
    children
        .update(&format!("p0: {A}; p1: {B}; p2: {C}"))
        .unwrap();
    children.update(&format!("p0: {A}; p2: {C}")).unwrap();
    assert_eq!(children.channel.dialled(), "");
    assert_eq!(children.channel.addresses(), A);
    children.check_calls_go_to(A);
    assert_eq!(
        children.channel.published.len(),
        published,
        "nothing is new"
    );
}

/// When a child fails, the next one is created and gets the calls: at once, while it connects they
/// wait. When the last child fails, calls fail with its error.
#[test]
fn next_child_after_failure() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}; p2: {C}"));
    children.channel.ready(A);
    children.channel.dialled();
    children.down(&[A]);
    assert_eq!(children.channel.dialled(), format!("{A} {B}"));
    assert_eq!(children.channel.pick(), Pick::Queue);
    children.channel.ready(B);
    children.check_calls_go_to(B);
    children.down(&[B]);
    children.channel.ready(C);
    children.check_calls_go_to(C);
    children.down(&[C]);
    assert_eq!(children.channel.policy.chosen(), Some("p2"));
    assert!(
        children.channel.error().contains(C),
        "{}",
        children.channel.error()
    );
}

/// When the child in use is removed from the configuration, the one above it is chosen again, and
/// reports its failure.
#[test]
fn lowest_child_removed() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.down(&[A]);
    children.channel.ready(B);
    children.check_calls_go_to(B);
    children.update(&format!("p0: {A}")).unwrap();
    assert!(children.channel.error().contains(A));
    assert_eq!(children.channel.addresses(), A);
}

/// A child that loses its connections is connecting, and has 10 s to come back: calls wait for it, and
/// the next child is not created. After a failure it has no such time.
#[test]
fn failover_time_after_ready() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.channel.ready(A);
    children.channel.advance_millis(60_000);
    children.channel.idle(A);
    assert_eq!(children.channel.state(), Connecting);
    children.channel.advance_millis(9_999);
    assert_eq!(children.channel.addresses(), A);
    children.channel.ready(A);
    children.check_calls_go_to(A);

    children.channel.idle(A);
    children.channel.advance_millis(10_000);
    assert_eq!(children.channel.addresses(), format!("{A} {B}"));
    children.channel.ready(B);
    children.check_calls_go_to(B);
}

/// The time begins when a child is created. Another attempt of a child that is connecting does not
/// begin it again.
#[test]
fn failover_time_of_a_new_child() {
    let mut children = Children::with_lists(&format!("p0: {A} {D}; p1: {B}"));
    children.channel.advance_millis(9_000);
    children.down(&[A]);
    assert_eq!(children.channel.state(), Connecting, "D connects");
    children.channel.advance_millis(999);
    assert_eq!(children.channel.addresses(), format!("{A} {D}"));
    children.channel.advance_millis(1);
    assert_eq!(children.channel.addresses(), format!("{A} {B} {D}"));
    assert_eq!(
        children.channel.policy.chosen(),
        Some("p1"),
        "its own time runs"
    );
}

/// The time ends with a failure: the child that fails and connects again is not waited for.
#[test]
fn no_failover_time_after_a_failure() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.down(&[A]);
    children.down(&[B]);
    children.channel.idle(A);
    assert_eq!(children.channel.state(), TransientFailure);
    assert_eq!(children.channel.policy.chosen(), Some("p1"));
}

/// Where no child is ready, idle or has time left, the first one that is connecting is used.
#[test]
fn first_connecting_child() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}; p2: {C}"));
    children.channel.advance_millis(30_000);
    assert_eq!(children.channel.addresses(), format!("{A} {B} {C}"));
    children.channel.dialled();
    assert_eq!(children.channel.policy.chosen(), Some("p0"));
    children.down(&[A]);
    assert_eq!(children.channel.policy.chosen(), Some("p1"));
    children.down(&[B]);
    assert_eq!(children.channel.policy.chosen(), Some("p2"));
    children.down(&[C]);
    assert_eq!(children.channel.policy.chosen(), Some("p2"), "the last");
    assert_eq!(children.channel.state(), TransientFailure);
    children.channel.idle(B);
    children.channel.ready(B);
    children.check_calls_go_to(B);
}

/// A child that is added below children that fail is created at once.
#[test]
fn lower_child_added_while_the_others_fail() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.down(&[A]);
    children.down(&[B]);
    assert_eq!(children.channel.state(), TransientFailure);
    children.channel.dialled();
    children
        .update(&format!("p0: {A}; p1: {B}; p2: {C}"))
        .unwrap();
    assert_eq!(children.channel.dialled(), C);
    assert_eq!(children.channel.state(), Connecting);
    children.channel.ready(C);
    children.check_calls_go_to(C);
}

/// When a preferred child is ready again, it has all calls. The others are unused, keep their
/// connections for 15 minutes, and are removed then.
#[test]
fn unused_children_are_removed_after_15_minutes() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}; p2: {C}"));
    children.down(&[A]);
    children.down(&[B]);
    children.channel.ready(C);
    children.channel.idle(A);
    children.channel.ready(A);
    children.check_calls_go_to(A);
    children.channel.advance_millis(15 * 60 * 1000 - 1);
    assert_eq!(children.channel.addresses(), format!("{A} {B} {C}"));
    children.channel.advance_millis(1);
    assert_eq!(children.channel.addresses(), A);
    children.check_calls_go_to(A);
    assert_eq!(
        trunkline_lb::Policy::poll_timeout(&children.channel.policy),
        None
    );
}

/// An unused child that is needed again within 15 minutes gets the calls at once, over the connection
/// that it has, and is kept after that time.
#[test]
fn unused_child_is_used_again() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.down(&[A]);
    children.channel.ready(B);
    children.channel.idle(A);
    children.channel.ready(A);
    children.channel.advance_millis(14 * 60 * 1000);
    children.channel.dialled();
    children.down(&[A]);
    children.check_calls_go_to(B);
    assert_eq!(children.channel.dialled(), A, "B is still connected");
    children.channel.advance_millis(60 * 60 * 1000);
    children.check_calls_go_to(B);
}

/// An unused child gets updates, so that it does not dial addresses that are no longer listed.
#[test]
fn unused_child_gets_updates() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.down(&[A]);
    children.channel.ready(B);
    children.channel.idle(A);
    children.channel.ready(A);
    children.update(&format!("p0: {A}; p1: {C}")).unwrap();
    assert_eq!(children.channel.addresses(), format!("{A} {C}"));
    children.check_calls_go_to(A);
}

/// An empty list of priorities fails calls, and is not refused: the configuration is to blame, not the
/// list. Children that come back are created again.
#[test]
fn no_priorities() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.channel.ready(A);
    children.update("").unwrap();
    assert_eq!(
        children.channel.error(),
        "priority policy has empty priority list"
    );
    assert_eq!(children.channel.addresses(), "");
    children.channel.dialled();
    children.update(&format!("p0: {A}; p1: {B}")).unwrap();
    assert_eq!(children.channel.dialled(), A);
    assert_eq!(children.channel.state(), Connecting);
    children.channel.ready(A);
    children.check_calls_go_to(A);
}

/// A child without endpoints fails, so the next one is used: after an update, and from the start.
#[test]
fn first_child_without_endpoints() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.channel.ready(A);
    children.update(&format!("p0:; p1: {B}")).unwrap();
    assert_eq!(children.channel.addresses(), B);
    children.channel.ready(B);
    children.check_calls_go_to(B);

    let mut children = Children::with_lists(&format!("p0:; p1: {B}"));
    children.channel.ready(B);
    children.check_calls_go_to(B);
    let refused = children
        .update("p0:; p1:")
        .expect_err("no child has endpoints");
    assert!(refused.message().contains("zero addresses"), "{refused}");
    assert_eq!(children.channel.state(), TransientFailure);
}

/// A child keeps its connections when its priority changes: it has the calls at once, also when it
/// moves above a child that works.
#[test]
fn child_moves_up() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.down(&[A]);
    children.channel.ready(B);
    children.check_calls_go_to(B);
    children.channel.dialled();
    children.update(&format!("p1: {B}; p0: {A}")).unwrap();
    children.check_calls_go_to(B);
    children.channel.advance_millis(15 * 60 * 1000);
    assert_eq!(children.channel.addresses(), B, "p0 was unused");

    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.channel.ready(A);
    children.update(&format!("p1: {B}; p0: {A}")).unwrap();
    assert_eq!(
        children.channel.policy.chosen(),
        Some("p1"),
        "its time runs"
    );
    children.down(&[B]);
    children.check_calls_go_to(A);
    assert!(!children.channel.dialled().contains(&format!("{A} {A}")));
}

/// A child that the configuration no longer names is removed at once, and has lost its connection
/// when it comes back.
///
/// Source: gRFC A115.
#[test]
fn removed_child_is_not_kept() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.down(&[A]);
    children.channel.ready(B);
    children.update(&format!("p0: {A}")).unwrap();
    assert_eq!(children.channel.addresses(), A);
    children.channel.dialled();
    children.update(&format!("p0: {A}; p1: {B}")).unwrap();
    assert_eq!(children.channel.dialled(), B);
}

/// A new policy under the name of a child connects beside the old one, which has the calls until then.
#[test]
fn child_policy_changes() {
    let mut children = Children::with_lists(&format!("p0: {A}"));
    children.channel.ready(A);
    children.child_policy = "pick_first";
    children.update(&format!("p0: {A}")).unwrap();
    assert_eq!(children.channel.state(), Ready);
    let old = children.channel.pick();
    assert_eq!(children.channel.subchannels.len(), 2);
    let ids: Vec<_> = children.channel.subchannels.keys().copied().collect();
    let new = ids
        .into_iter()
        .find(|id| Pick::Subchannel(*id) != old)
        .unwrap();
    children
        .channel
        .set_id(new, trunkline_lb::SubchannelState::Ready);
    assert_eq!(children.channel.pick(), Pick::Subchannel(new));
    assert_eq!(children.channel.addresses(), A);
}

/// Requests for re-resolution of a child with `ignoreReresolutionRequests` have no effect; those of
/// other children have, also when they come together.
///
/// Source: gRFC A37.
#[test]
fn ignored_requests_for_reresolution() {
    let policy = choice("pick_first", json!({}));
    let child = |name: &str, ignore| {
        PriorityChild::new(name, policy.clone()).with_ignore_reresolution_requests(ignore)
    };
    for [first, second] in [[true, false], [false, true], [true, true], [false, false]] {
        let mut children = Children::new("pick_first");
        let config = PriorityConfig::default()
            .with_child(child("p0", first))
            .with_child(child("p1", second));
        children
            .update_with(config, &format!("p0: {A}; p1: {B}"))
            .unwrap();
        assert_eq!(children.channel.reresolutions(), 0);
        children.channel.fail(A);
        assert_eq!(children.channel.reresolutions(), usize::from(!first));
        children.channel.fail(B);
        assert_eq!(children.channel.reresolutions(), usize::from(!second));
    }
    // The setting of a child can change.
    let mut children = Children::new("pick_first");
    for ignore in [true, false] {
        let config = PriorityConfig::default().with_child(child("p0", ignore));
        children.update_with(config, &format!("p0: {A}")).unwrap();
        children.channel.ready(A);
        children.channel.idle(A);
        assert_eq!(children.channel.reresolutions(), usize::from(!ignore));
        children.channel.exit_idle();
    }
}

/// A child that is idle is used: calls make it connect. No child below it is created.
#[test]
fn first_child_idle() {
    let mut children = Children::new("pick_first");
    children.update(&format!("p0: {A}; p1: {B}")).unwrap();
    children.channel.ready(A);
    children.channel.idle(A);
    assert_eq!(children.channel.state(), Idle);
    assert_eq!(children.channel.pick(), Pick::ExitIdle);
    children
        .update(&format!("p0: {A}; p1: {B}; p2: {C}"))
        .unwrap();
    children.channel.advance_millis(60_000);
    assert_eq!(children.channel.addresses(), A);
    assert_eq!(children.channel.state(), Idle);
    children.channel.dialled();
    children.channel.exit_idle();
    assert_eq!(children.channel.dialled(), A);
    children.channel.ready(A);
    children.check_calls_go_to(A);
}

/// An update of a child above the one in use reaches it, and it has the calls when it works again.
#[test]
fn update_of_a_failing_child() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.down(&[A]);
    children.channel.ready(B);
    children.update(&format!("p0: {C}; p1: {B}")).unwrap();
    children.check_calls_go_to(B);
    assert_eq!(children.channel.addresses(), format!("{B} {C}"));
    children.channel.ready(C);
    children.check_calls_go_to(C);
}

/// While an update is applied, the policy does not react to its children: where the first child loses
/// its endpoints and the second gets some, it publishes once, after both.
#[test]
fn one_choice_for_an_update() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.down(&[A]);
    children.channel.ready(B);
    children.channel.states();
    children.channel.has_more = true;
    children.update(&format!("p0: {B}; p1: {A}")).unwrap();
    assert!(children.channel.states().is_empty());
    children.channel.has_more = false;
    children.channel.settle();
    assert_eq!(children.channel.states().len(), 1);
}

/// After an authoritative error of the resolver, no child is created: its addresses no longer belong
/// to the name.
#[test]
fn dropped_list() {
    let mut children = Children::with_lists(&format!("p0: {A}; p1: {B}"));
    children.channel.ready(A);
    children.channel.dialled();
    children
        .channel
        .resolver_error("NXDOMAIN", OldList::DropList);
    children.check_calls_go_to(A);
    children.channel.idle(A);
    children.channel.advance_millis(60_000);
    assert_eq!(children.channel.dialled(), "");
    assert!(children.channel.error().contains("NXDOMAIN"));
}

/// Without children, an error of the resolver is the error of calls.
#[test]
fn resolver_error_before_the_first_list() {
    let mut children = Children::new("round_robin");
    children.channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(children.channel.error(), "name resolver error: timed out");
}

/// The configuration of another policy is an error.
#[test]
fn foreign_configuration() {
    let mut children = Children::new("round_robin");
    let update = Update::new(routed(&format!("p0: {A}")), std::sync::Arc::new(1_u8));
    let result = children
        .channel
        .event(|policy, control| trunkline_lb::Policy::handle_update(policy, update, control));
    assert!(result.is_err());
}

/// The configuration as a service config has it.
#[test]
fn configuration() {
    let round_robin = || choice("round_robin", json!({}));
    let check = |config: serde_json::Value, expected: PriorityConfig| {
        let parsed = choice("priority_experimental", config).config;
        assert!(parsed.equals(&expected), "{parsed:?}");
    };
    check(json!({}), PriorityConfig::default());
    check(json!(null), PriorityConfig::default());
    check(
        json!({"children": {}, "priorities": []}),
        PriorityConfig::default(),
    );
    check(
        json!({
            "children": {
                "b": {"config": [{"unknown": {}}, {"round_robin": {}}],
                    "ignoreReresolutionRequests": true},
                "a": {"config": [{"round_robin": {}}], "later": 1},
            },
            "priorities": ["b", "a"],
        }),
        PriorityConfig::default()
            .with_child(
                PriorityChild::new("b", round_robin()).with_ignore_reresolution_requests(true),
            )
            .with_child(PriorityChild::new("a", round_robin())),
    );
}

/// Errors name the place.
#[test]
fn configuration_errors() {
    let check = |config, expected: &str| {
        assert_eq!(config_error("priority_experimental", config), expected);
    };
    let child = || json!({"config": [{"round_robin": {}}]});
    check(
        json!({"children": {"a": child()}, "priorities": ["a", "b"]}),
        "/priorities/1: \"b\" is no child of `children`, or comes twice in this list",
    );
    check(
        json!({"children": {"a": child()}, "priorities": ["a", "a"]}),
        "/priorities/1: \"a\" is no child of `children`, or comes twice in this list",
    );
    check(
        json!({"children": {"a": child(), "b": child()}, "priorities": ["a"]}),
        "/children/b: this child is missing in the list `priorities`",
    );
    check(
        json!({"children": {"a": {}}, "priorities": ["a"]}),
        "/children/a/config: is missing",
    );
    check(
        json!({"children": {"a": {"config": [{"unknown": {}}]}}, "priorities": ["a"]}),
        "/children/a/config: no policy of this list is known here: unknown",
    );
    check(
        json!({"children": {"a": {"config": [{"pick_first": {"shuffleAddressList": 1}}]}}}),
        "/children/a/config/0/pick_first/shuffleAddressList: expected true or false, found 1",
    );
    check(json!([]), ": expected an object, found an array");
}

/// `priority_groups` names no children: its only field is the policy of each group.
#[test]
fn configuration_of_groups() {
    let name = PriorityGroupsFactory::NAME;
    let default = choice(name, json!({})).config;
    let named = choice(name, json!({"childPolicy": [{"static_weights": {}}]})).config;
    assert!(default.equals(&*named), "{default:?}");
    assert_eq!(
        config_error(name, json!({"childPolicy": []})),
        "/childPolicy: expected at least one policy"
    );
}
