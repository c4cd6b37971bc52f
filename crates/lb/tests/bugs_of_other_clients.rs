//! Bugs that other implementations of gRFC A61 have had, one test for each.

use trunkline_lb::ConnectivityState::{Connecting, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, refused};
use trunkline_lb::{PickFirst, Policy, PolicyOptions, SubchannelState};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";

fn pick_first(list: &[&str]) -> FakeChannel<PickFirst> {
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
    channel
        .update(&list.join(" "))
        .expect("the policy accepts the list");
    channel
}

/// Returns a policy in TRANSIENT_FAILURE with A and B, both in back-off.
fn failing() -> FakeChannel<PickFirst> {
    let mut channel = pick_first(&[A, B]);
    channel.fail(A);
    channel.fail(B);
    channel.dialled();
    channel
}

/// grpc#34804: address families of unequal size were interleaved in a wrong order.
#[test]
fn interleave_with_unequal_families() {
    let check = |list: &str, expected: &str| {
        let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
        channel.update(list).expect("the policy accepts the list");
        channel.advance_millis(10_000);
        assert_eq!(channel.dialled(), expected);
    };
    check(
        "[2001:db8::1]:1 [2001:db8::2]:1 [2001:db8::3]:1 [2001:db8::4]:1 1.1.1.1:1 2.2.2.2:1",
        "[2001:db8::1]:1 1.1.1.1:1 [2001:db8::2]:1 2.2.2.2:1 [2001:db8::3]:1 [2001:db8::4]:1",
    );
    check(
        "1.1.1.1:1 [2001:db8::1]:1|[2001:db8::2]:1|[::ffff:3.3.3.3]:1|[2001:db8::3]:1",
        "1.1.1.1:1 [2001:db8::1]:1 3.3.3.3:1 [2001:db8::2]:1 [2001:db8::3]:1",
    );
}

/// The `grpc` crate for Rust takes every address for IPv6, because it looks for a colon in
/// `1.2.3.4:443`, and puts IPv6 first whatever the order of the list.
#[test]
fn families_are_not_guessed_from_text() {
    let mut channel = pick_first(&[A, B, "[2001:db8::1]:443"]);
    channel.advance_millis(10_000);
    assert_eq!(channel.dialled(), [A, "[2001:db8::1]:443", B].join(" "));
}

/// grpc#38714: a kept subchannel was in back-off when the pass started, and idle before the pass
/// reached it. The pass never ended, and attempts stopped.
#[test]
fn backoff_ends_before_its_turn() {
    let mut channel = failing();
    channel
        .update(&[C, A].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.dialled(), C);
    channel.idle(A);
    assert_eq!(channel.dialled(), "", "its turn has not come");
    channel.fail(C);
    assert_eq!(channel.dialled(), A);
    channel.states();
    channel.fail(A);
    assert_eq!(channel.states(), [TransientFailure], "the pass ends");
    channel.idle(C);
    channel.idle(A);
    assert_eq!(channel.dialled(), [C, A].join(" "));
}

/// grpc#40162: the same with a kept subchannel that was connecting, failed and became idle before
/// the pass reached it.
#[test]
fn attempt_fails_before_its_turn() {
    let mut channel = pick_first(&[A, B]);
    channel
        .update(&[C, A].join(" "))
        .expect("the policy accepts the list");
    channel.fail(A);
    channel.idle(A);
    assert_eq!(channel.dialled(), [A, C].join(" "));
    channel.fail(C);
    assert_eq!(channel.dialled(), A);
    assert_eq!(channel.states(), [Connecting]);
    channel.fail(A);
    assert_eq!(channel.states(), [TransientFailure]);
}

/// A kept subchannel that fails before its turn and is still in back-off then counts as tried.
#[test]
fn attempt_fails_before_its_turn_and_stays_failed() {
    let mut channel = pick_first(&[A, B]);
    channel
        .update(&[C, A].join(" "))
        .expect("the policy accepts the list");
    channel.fail(A);
    assert_eq!(channel.states(), [Connecting], "it does not count yet");
    channel.fail(C);
    assert_eq!(channel.states(), [TransientFailure]);
}

/// grpc-go#8615, grpc-java#12395: the policy stayed idle for ever when a new list removed the
/// address after the policy had left idleness and before the subchannel reported CONNECTING.
#[test]
fn list_changes_right_after_idleness() {
    let mut channel = pick_first(&[A]);
    channel.ready(A);
    channel.idle(A);
    channel.exit_idle();
    assert_eq!(
        channel.state(),
        Connecting,
        "published before a subchannel reports it"
    );
    channel.dialled();
    channel.update(B).expect("the policy accepts the list");
    assert_eq!(channel.dialled(), B);
    channel.ready(B);
    assert_eq!(channel.picked(), B);
}

/// grpc-node#2602: a new list in TRANSIENT_FAILURE started no pass, and after the first failure no
/// re-resolution was requested.
#[test]
fn new_list_while_failing() {
    let mut channel = failing();
    assert_eq!(channel.reresolutions(), 1);
    channel
        .update(&[C].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.dialled(), C);
    channel.fail(C);
    assert_eq!(channel.reresolutions(), 1);
    channel.idle(C);
    channel.fail(C);
    assert_eq!(channel.reresolutions(), 1);
}

/// grpc-java#12958, #12968: a late READY of a removed subchannel made the policy use it.
#[test]
fn late_ready_of_a_removed_subchannel() {
    let mut channel = pick_first(&[A, B]);
    channel.advance_millis(250);
    let (a, b) = (channel.id(A), channel.id(B));
    channel.ready(B);
    let states = channel.states();
    channel.event(|policy, control| policy.handle_subchannel(a, SubchannelState::Ready, control));
    assert_eq!(channel.picked(), B);
    // A new subchannel may have the same index; the late event does not concern that either.
    channel.update(C).expect("the policy accepts the list");
    channel.dialled();
    for state in [SubchannelState::Ready, refused(), SubchannelState::Idle] {
        for id in [a, b] {
            let state = state.clone();
            channel.event(|policy, control| policy.handle_subchannel(id, state, control));
        }
    }
    assert_eq!(states, [Connecting, Ready]);
    assert_eq!(channel.states(), [Connecting]);
    assert_eq!(channel.dialled(), "");
}

/// grpc-java#12796: a list that came during the first pass caused a crash.
#[test]
fn any_list_during_the_pass() {
    for list in [
        "",
        A,
        B,
        C,
        "10.0.0.2:443 10.0.0.1:443",
        "10.0.0.3:443 10.0.0.2:443",
    ] {
        let mut channel = pick_first(&[A, B]);
        channel.advance_millis(250);
        let result = channel.update(list);
        assert_eq!(result.is_ok(), !list.is_empty());
        channel.advance_millis(10_000);
    }
}

/// grpc-java#11082: TRANSIENT_FAILURE was never published.
#[test]
fn failure_is_published() {
    let mut channel = pick_first(&[A]);
    channel.fail(A);
    assert_eq!(channel.states(), [Connecting, TransientFailure]);
}

/// grpc-go requests re-resolution for each subchannel that fails; one request for each pass is
/// enough.
#[test]
fn one_reresolution_a_pass() {
    let mut channel = pick_first(&[A, B, C]);
    channel.fail(A);
    channel.fail(B);
    channel.fail(C);
    assert_eq!(channel.reresolutions(), 1);
}

/// After the first pass, its error was never replaced by a newer one.
#[test]
fn error_is_renewed() {
    let mut channel = failing();
    assert!(
        channel
            .error()
            .contains("last error: 10.0.0.2:443: connection refused")
    );
    let error = trunkline_status::Status::unavailable("no route to host");
    for address in [B, A] {
        channel.idle(address);
        channel.set(address, SubchannelState::TransientFailure(error.clone()));
    }
    assert_eq!(
        channel.error(),
        "failed to connect to all addresses; last error: 10.0.0.1:443: no route to host; \
         before it: 10.0.0.2:443: no route to host"
    );
}
