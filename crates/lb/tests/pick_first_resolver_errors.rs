//! pick_first when name resolution fails.

use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{OldList, Pick, PickFirst, Policy, PolicyOptions};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";

fn pick_first() -> FakeChannel<PickFirst> {
    FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)))
}

fn connecting() -> FakeChannel<PickFirst> {
    let mut channel = pick_first();
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    channel
}

/// Before the first list, calls fail; with the first list they wait.
#[test]
fn no_list() {
    let mut channel = pick_first();
    channel.resolver_error("no such host", OldList::Keep);
    assert_eq!(channel.error(), "name resolver error: no such host");
    channel.resolver_error("timed out", OldList::DropList);
    assert_eq!(channel.error(), "name resolver error: timed out");
    channel.update(A).expect("the policy accepts the list");
    assert_eq!(channel.state(), Connecting);
}

/// An accepted list stays in use while the policy is connecting, ready or idle.
#[test]
fn kept_list() {
    let mut channel = connecting();
    channel.resolver_error("timed out", OldList::Keep);
    channel.advance_millis(250);
    channel.ready(B);
    channel.resolver_error("timed out", OldList::Keep);
    channel.idle(B);
    channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(channel.states(), [Connecting, Ready, Idle]);
    channel.exit_idle();
    assert_eq!(channel.dialled(), [A, B, A].join(" "));
}

/// While all connections fail, the error of calls has both errors, until a new list comes.
#[test]
fn kept_list_that_fails() {
    let mut channel = connecting();
    channel.fail(A);
    channel.fail(B);
    let connections = channel.error();
    channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(
        channel.error(),
        format!("{connections}; name resolver error: timed out")
    );
    assert_eq!(
        channel.addresses(),
        [A, B].join(" "),
        "the subchannels stay"
    );
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.error(), connections);
}

/// An error of the resolver during the first pass is part of the error of the pass.
#[test]
fn error_during_the_pass() {
    let mut channel = connecting();
    channel.resolver_error("timed out", OldList::Keep);
    channel.fail(A);
    channel.fail(B);
    assert!(
        channel
            .error()
            .ends_with("; name resolver error: timed out")
    );
}

/// When the list is dropped while the policy is ready, the connection stays in use. When it is
/// lost, no address is dialled, and calls fail with the resolver's error.
#[test]
fn dropped_list_while_ready() {
    let mut channel = connecting();
    channel.ready(A);
    channel.dialled();
    channel.resolver_error("NXDOMAIN for orders", OldList::DropList);
    assert_eq!(channel.picked(), A);
    channel.resolver_error("timed out", OldList::Keep);
    channel.resolver_error("NXDOMAIN for orders", OldList::DropList);
    channel.idle(A);
    assert_eq!(channel.error(), "name resolver error: NXDOMAIN for orders");
    assert_eq!(channel.reresolutions(), 1);
    assert_eq!(channel.addresses(), "");
    channel.exit_idle();
    channel.advance_millis(10_000);
    assert_eq!(channel.dialled(), "");
    channel.update(B).expect("the policy accepts the list");
    assert_eq!(channel.dialled(), B);
    assert_eq!(
        channel.states(),
        [Connecting, Ready, TransientFailure, Connecting]
    );
}

/// A new list with the address in use ends the effects of a dropped list.
#[test]
fn same_address_after_a_dropped_list() {
    let mut channel = connecting();
    channel.fail(A);
    channel.ready(B);
    channel.resolver_error("NXDOMAIN", OldList::DropList);
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.picked(), B);
    channel.idle(B);
    assert_eq!(channel.pick(), Pick::ExitIdle);
    channel.dialled();
    channel.exit_idle();
    assert_eq!(channel.dialled(), A);
}

/// A new list without the address in use replaces a dropped list.
#[test]
fn other_address_after_a_dropped_list() {
    let mut channel = connecting();
    channel.ready(A);
    channel.resolver_error("NXDOMAIN", OldList::DropList);
    channel.update(B).expect("the policy accepts the list");
    assert_eq!(channel.state(), Connecting);
    assert_eq!(channel.addresses(), B);
}

/// When the list is dropped in any other state, attempts end, no address is dialled and calls fail.
#[test]
fn dropped_list_in_other_states() {
    let check = |what: &str, prepare: &dyn Fn(&mut FakeChannel<PickFirst>)| {
        let mut channel = connecting();
        prepare(&mut channel);
        channel.dialled();
        channel.resolver_error("NXDOMAIN", OldList::DropList);
        assert_eq!(channel.error(), "name resolver error: NXDOMAIN", "{what}");
        assert_eq!(channel.addresses(), "", "{what}");
        assert_eq!(channel.policy.poll_timeout(), None, "{what}");
        channel.exit_idle();
        channel.advance_millis(10_000);
        assert_eq!(channel.dialled(), "", "{what}");
    };
    check("in the first pass", &|_| {});
    check("later in the first pass", &|channel| {
        channel.advance_millis(250)
    });
    check("failing", &|channel| {
        channel.fail(A);
        channel.fail(B);
    });
    check("idle", &|channel| {
        channel.ready(A);
        channel.idle(A);
    });
}
