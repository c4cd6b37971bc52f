//! The first pass of pick_first:
//! [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).

use std::path::PathBuf;
use std::time::Duration;

use trunkline_endpoint::{Address, AttemptDelay, Endpoint};
use trunkline_lb::ConnectivityState::{Connecting, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, address, endpoints, refused};
use trunkline_lb::{Pick, PickFirst, Policy, PolicyOptions, SubchannelState};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";

fn pick_first(list: &str) -> FakeChannel<PickFirst> {
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
    channel.update(list).expect("the policy accepts the list");
    channel
}

fn abc() -> FakeChannel<PickFirst> {
    pick_first(&[A, B, C].join(" "))
}

/// The policy uses the first address that is ready, and tries no other.
#[test]
fn first_address_works() {
    let mut channel = abc();
    assert_eq!(channel.states(), [Connecting]);
    assert_eq!(channel.pick(), Pick::Queue);
    channel.ready(A);
    assert_eq!(channel.states(), [Ready]);
    assert_eq!(channel.picked(), A);
    assert_eq!(channel.dialled(), A);
    assert_eq!(channel.policy.poll_timeout(), None);
}

/// Failures out of order: A first, then C, then B. Only the failure of the newest attempt starts
/// the next one, and the policy fails only after every address has failed.
#[test]
fn fails_after_the_end_of_the_list() {
    let mut channel = abc();
    channel.fail(A);
    channel.advance_millis(250);
    assert_eq!(channel.dialled(), [A, B, C].join(" "));
    channel.fail(C);
    assert_eq!(channel.states(), [Connecting]);
    assert_eq!(channel.reresolutions(), 0);
    channel.fail(B);
    assert_eq!(channel.states(), [TransientFailure]);
    assert_eq!(channel.reresolutions(), 1);
    assert_eq!(
        channel.error(),
        "failed to connect to all addresses; last error: 10.0.0.2:443: connection refused; \
         before it: 10.0.0.3:443: connection refused, 10.0.0.1:443: connection refused"
    );
}

/// Each attempt starts 250 ms after the one before, and earlier attempts go on. The last address
/// sets no timer.
#[test]
fn attempt_delay() {
    let mut channel = abc();
    channel.advance_millis(249);
    assert_eq!(channel.dialled(), A);
    channel.advance_millis(1);
    assert_eq!(channel.dialled(), B);
    channel.advance_millis(249);
    assert_eq!(channel.dialled(), "");
    channel.advance_millis(1);
    assert_eq!(channel.dialled(), C);
    assert_eq!(channel.policy.poll_timeout(), None);
    // The first attempt wins after all: the other subchannels are removed.
    channel.ready(A);
    assert_eq!(channel.addresses(), A);
    assert_eq!(channel.states(), [Connecting, Ready]);
}

/// The failure of an attempt that is not the newest starts no attempt.
#[test]
fn failure_of_an_older_attempt_only_counts() {
    let mut channel = abc();
    channel.advance_millis(250);
    assert_eq!(channel.dialled(), [A, B].join(" "));
    channel.fail(A);
    assert_eq!(channel.dialled(), "");
    channel.advance_millis(250);
    assert_eq!(channel.dialled(), C);
}

/// A subchannel whose back-off ends during the pass is connected only when the pass ends.
#[test]
fn no_second_attempt_during_the_pass() {
    let mut channel = abc();
    channel.fail(A);
    channel.idle(A);
    assert_eq!(channel.dialled(), [A, B].join(" "));
    channel.fail(B);
    assert_eq!(channel.dialled(), C);
    channel.fail(C);
    assert_eq!(channel.states(), [Connecting, TransientFailure]);
    assert_eq!(
        channel.dialled(),
        A,
        "idle subchannels connect when the pass ends"
    );
    channel.idle(B);
    assert_eq!(channel.dialled(), B, "and later when their back-off ends");
}

/// After the pass, every n failures (n is the number of addresses) cause one request for
/// re-resolution, and the newest error is published.
#[test]
fn steady_state_counts_failures() {
    let mut channel = abc();
    for address in [A, B, C] {
        channel.fail(address);
    }
    assert_eq!(channel.reresolutions(), 1);
    channel.states();
    for round in 0..10 {
        for address in [B, A, C] {
            assert_eq!(channel.reresolutions(), 0, "in round {round}");
            channel.idle(address);
            channel.fail(address);
        }
        assert_eq!(channel.reresolutions(), 1, "in round {round}");
        assert_eq!(channel.states(), [TransientFailure], "in round {round}");
        assert!(channel.error().contains("last error: 10.0.0.3:443: "));
    }
    channel.idle(B);
    channel.ready(B);
    assert_eq!(channel.state(), Ready);
    assert_eq!(channel.addresses(), B);
}

/// A list of one address.
#[test]
fn single_address() {
    let mut channel = pick_first(A);
    assert_eq!(channel.policy.poll_timeout(), None);
    channel.fail(A);
    assert_eq!(channel.states(), [Connecting, TransientFailure]);
    channel.idle(A);
    assert_eq!(channel.dialled(), [A, A].join(" "));
}

/// A connection that is lost before it is ready is a failed attempt, and the address is tried
/// again.
#[test]
fn lost_before_it_was_ready() {
    let mut channel = pick_first(A);
    channel.idle(A);
    assert_eq!(channel.states(), [Connecting, TransientFailure]);
    assert_eq!(channel.dialled(), [A, A].join(" "));
}

/// The attempt delay is an option.
#[test]
fn other_attempt_delay() {
    let mut options = PolicyOptions::new(7);
    options.attempt_delay = AttemptDelay::new(Duration::from_millis(100));
    let mut channel = FakeChannel::new(PickFirst::new(&options));
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    channel.advance_millis(99);
    assert_eq!(channel.dialled(), A);
    channel.advance_millis(1);
    assert_eq!(channel.dialled(), B);
}

/// Addresses that are neither IPv4 nor IPv6 are interleaved as a family of their own.
#[test]
fn third_family() {
    let socket = |name: &str| Address::new(PathBuf::from(name));
    let list = [
        socket("/a"),
        socket("/b"),
        address(A),
        address("[2001:db8::1]:443"),
        address(B),
    ];
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
    channel
        .update_endpoints(vec![Endpoint::new(list)])
        .expect("the policy accepts the list");
    channel.advance_millis(10_000);
    assert_eq!(
        channel.dialled(),
        "unix:/a 10.0.0.1:443 [2001:db8::1]:443 unix:/b 10.0.0.2:443"
    );
}

/// A subchannel with several connections (gRFC A105) may change from READY to CONNECTING or to
/// TRANSIENT_FAILURE: a new pass over all addresses starts at once, with a request for
/// re-resolution.
#[test]
fn ready_to_connecting_or_failing() {
    for state in [SubchannelState::Connecting, refused()] {
        let mut channel = abc();
        channel.ready(A);
        channel.states();
        channel.dialled();
        channel.set(A, state.clone());
        assert_eq!(channel.states(), [Connecting]);
        assert_eq!(channel.reresolutions(), 1);
        channel.advance_millis(250);
        match state {
            SubchannelState::Connecting => assert_eq!(channel.dialled(), B),
            _ => assert_eq!(channel.dialled(), [B, C].join(" ")),
        }
    }
}

/// The error names the five addresses that failed last, counts the others, and ends with the
/// resolver's note on the list.
#[test]
fn long_errors() {
    let list: Vec<String> = (1..=7).map(|number| format!("10.0.0.{number}:1")).collect();
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
    let note = "asked 192.0.2.53 for AAAA and got no answer";
    channel
        .update_with_note(endpoints(&list.join(" ")), note)
        .expect("the policy accepts the list");
    for address in &list {
        channel.fail(address);
    }
    assert_eq!(
        channel.error(),
        "failed to connect to all addresses; last error: 10.0.0.7:1: connection refused; \
         before it: 10.0.0.6:1: connection refused, 10.0.0.5:1: connection refused, \
         10.0.0.4:1: connection refused, 10.0.0.3:1: connection refused, and 2 more; \
         asked 192.0.2.53 for AAAA and got no answer"
    );
    channel
        .update_with_note(Vec::new(), "all were filtered")
        .expect_err("an empty list");
    assert_eq!(
        channel.error(),
        "name resolver error: produced zero addresses; all were filtered"
    );
}
