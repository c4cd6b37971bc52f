//! The policy round_robin: gRPC's client channel specification, and
//! [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).

use std::collections::BTreeMap;

use trunkline_lb::ConnectivityState::{Connecting, Ready, TransientFailure};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{OldList, Pick, Policy, PolicyOptions, RoundRobin};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";
const D: &str = "10.0.0.4:443";

fn round_robin(list: &[&str]) -> FakeChannel<RoundRobin> {
    let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(7)));
    channel.update(&list.join(" ")).expect("a good list");
    channel
}

fn ready(list: &[&str]) -> FakeChannel<RoundRobin> {
    let mut channel = round_robin(list);
    for address in list {
        channel.ready(address);
    }
    channel.dialled();
    channel.states();
    channel
}

/// How often each address is picked in `picks` picks from one picker.
fn shares(channel: &FakeChannel<RoundRobin>, picks: usize) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..picks {
        *shares.entry(channel.picked()).or_insert(0) += 1;
    }
    shares
}

fn even(addresses: &[&str], share: usize) -> BTreeMap<String, usize> {
    let shares = addresses.iter().map(|address| (address.to_string(), share));
    shares.collect()
}

/// All are connected at once, and take calls in turn as soon as they are ready.
#[test]
fn all_in_turn() {
    let mut channel = round_robin(&[A, B, C]);
    assert_eq!(channel.addresses(), [A, B, C].join(" "));
    assert_eq!(channel.pick(), Pick::Queue);
    channel.ready(B);
    assert_eq!(shares(&channel, 3), even(&[B], 3));
    channel.ready(A);
    channel.ready(C);
    assert_eq!(channel.states(), [Connecting, Ready, Ready, Ready]);
    assert_eq!(shares(&channel, 30), even(&[A, B, C], 10));
    let turns: Vec<String> = (0..6).map(|_| channel.picked()).collect();
    assert_eq!(turns[..3], turns[3..]);
}

/// Endpoints that become ready together make one picker, which has them all; what was lost again
/// meanwhile is not in it.
#[test]
fn one_picker_for_events_that_come_together() {
    let list: Vec<String> = (0..100).map(|port| format!("10.0.0.1:{port}")).collect();
    let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(7)));
    channel.update(&list.join(" ")).expect("a good list");
    channel.has_more = true;
    for address in &list {
        channel.ready(address);
    }
    channel.idle(&list[0]);
    let before = channel.published.len();
    channel.settle();
    assert_eq!(channel.published.len() - before, 1);
    let ready: Vec<&str> = list[1..].iter().map(String::as_str).collect();
    assert_eq!(shares(&channel, 3 * 99), even(&ready, 3));
    channel.settle();
    assert_eq!(channel.published.len() - before, 1, "nothing is new");
}

/// An endpoint has one share however many addresses it has, and one that is listed twice has one.
#[test]
fn a_share_for_each_endpoint() {
    let both = "10.0.0.1:443|[2001:db8::1]:443";
    let swapped = "[2001:db8::1]:443|10.0.0.1:443|10.0.0.1:443";
    let mut channel = round_robin(&[both, swapped, B, B]);
    assert_eq!(channel.addresses(), [A, B].join(" "));
    channel.advance_millis(250);
    channel.ready("[2001:db8::1]:443");
    channel.ready(B);
    assert_eq!(shares(&channel, 10), even(&["[2001:db8::1]:443", B], 5));
}

/// The same endpoint with its addresses in another order keeps its connection.
#[test]
fn endpoint_is_a_set() {
    let mut channel = round_robin(&["10.0.0.1:443|10.0.0.2:443"]);
    channel.ready(A);
    let id = channel.id(A);
    channel
        .update("10.0.0.2:443|10.0.0.1:443")
        .expect("a good list");
    assert_eq!(channel.id(A), id);
    // The new order was handed on: it is the one that is tried next.
    channel.dialled();
    channel.idle(A);
    assert_eq!(channel.dialled(), B);
}

/// A lost connection is made again at once, without idleness; meanwhile the others take the calls.
#[test]
fn lost_connection() {
    let mut channel = ready(&[A, B]);
    channel.idle(A);
    assert_eq!(channel.dialled(), A);
    assert_eq!(channel.reresolutions(), 1);
    assert_eq!(channel.states(), [Ready]);
    assert_eq!(shares(&channel, 4), even(&[B], 4));
    channel.fail(A);
    assert_eq!(channel.states(), [], "the ready ones are the same");
    channel.idle(A);
    channel.ready(A);
    assert_eq!(shares(&channel, 4), even(&[A, B], 2));
}

/// The last connection is lost: calls wait, then fail with the newest error; a child that fails
/// stays failing until it is ready, however often it tries.
#[test]
fn all_are_lost() {
    let mut channel = ready(&[A, B]);
    channel.idle(A);
    channel.idle(B);
    assert_eq!(channel.states(), [Ready, Connecting]);
    channel.fail(A);
    assert_eq!(channel.states(), []);
    channel.fail(B);
    assert_eq!(channel.states(), [TransientFailure]);
    assert_eq!(
        channel.error(),
        "failed to connect to all addresses; last error: 10.0.0.2:443: connection refused"
    );
    for _ in 0..10 {
        channel.idle(A);
        assert_eq!(channel.states(), []);
        channel.fail(A);
        assert_eq!(channel.states(), [TransientFailure]);
        assert!(channel.error().contains(A));
    }
    channel.idle(B);
    channel.ready(B);
    assert_eq!(channel.states(), [Ready]);
}

/// One fails, one is connecting: calls wait. (A new endpoint beside failing ones, too.)
#[test]
fn failing_and_connecting() {
    let mut channel = round_robin(&[A, B]);
    channel.fail(A);
    assert_eq!(channel.states(), [Connecting]);
    channel.fail(B);
    channel.update(&[A, B, C].join(" ")).expect("a good list");
    assert_eq!(channel.states(), [TransientFailure, Connecting]);
    channel.fail(C);
    assert_eq!(channel.states(), [TransientFailure]);
}

/// Endpoints that leave are dropped, those that stay keep their connections.
#[test]
fn endpoints_change() {
    let mut channel = ready(&[A, B, C]);
    let kept = channel.id(B);
    channel.update(&[D, B].join(" ")).expect("a good list");
    assert_eq!(channel.addresses(), [B, D].join(" "));
    assert_eq!(channel.id(B), kept);
    assert_eq!(channel.dialled(), D);
    assert_eq!(shares(&channel, 4), even(&[B], 4));
    channel.ready(D);
    assert_eq!(shares(&channel, 4), even(&[B, D], 2));
    // Nothing is new, so nothing is published.
    channel.states();
    channel.update(&[B, D].join(" ")).expect("a good list");
    assert_eq!(channel.states(), []);
}

/// When the endpoint whose error was shown is gone, another one's is shown.
#[test]
fn error_of_an_endpoint_that_left() {
    let mut channel = round_robin(&[A, B]);
    channel.fail(B);
    channel.fail(A);
    assert!(channel.error().contains(A));
    channel.update(B).expect("a good list");
    assert!(channel.error().contains(B));
}

/// An empty list: calls fail with what the resolver made, also after errors of the resolver.
#[test]
fn empty_list() {
    let mut channel = ready(&[A, B]);
    let error = channel.update("").unwrap_err();
    assert_eq!(
        error.message(),
        "name resolver error: produced zero addresses"
    );
    assert_eq!(channel.error(), error.message());
    assert_eq!(channel.addresses(), "");
    channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(channel.error(), "name resolver error: timed out");
    channel.update(&[A, B].join(" ")).expect("a good list");
    assert_eq!(channel.state(), Connecting);
}

/// Before there is a list the resolver's error is what calls get.
#[test]
fn no_list() {
    let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(7)));
    channel.resolver_error("no such host", OldList::Keep);
    assert_eq!(channel.error(), "name resolver error: no such host");
}

/// A resolver's error does not disturb a list that is in use, and is told when all fail.
#[test]
fn kept_list() {
    let mut channel = ready(&[A, B]);
    channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(shares(&channel, 4), even(&[A, B], 2));
    for address in [A, B] {
        channel.idle(address);
        channel.fail(address);
    }
    assert!(
        channel
            .error()
            .ends_with("; name resolver error: timed out"),
        "{}",
        channel.error()
    );
}

/// The name is gone: connections stay in use, and nothing is dialled anew.
#[test]
fn disowned() {
    let mut channel = ready(&[A, B]);
    channel.update(&[A, B, C].join(" ")).expect("a good list");
    channel.dialled();
    channel.resolver_error("NXDOMAIN", OldList::DropList);
    assert_eq!(channel.addresses(), [A, B].join(" "));
    assert_eq!(shares(&channel, 4), even(&[A, B], 2));
    channel.idle(A);
    assert_eq!(shares(&channel, 4), even(&[B], 4));
    channel.idle(B);
    assert_eq!(channel.error(), "name resolver error: NXDOMAIN");
    channel.advance_millis(10_000);
    assert_eq!(channel.dialled(), "");
    channel.update(&[A, C].join(" ")).expect("a good list");
    channel.ready(C);
    assert_eq!(shares(&channel, 4), even(&[C], 4));
}

/// Each picker begins at a random endpoint, and so does each list, so that many clients do not
/// move in step.
#[test]
fn random_beginnings() {
    let list = [A, B, C, D];
    let mut first_dialled = BTreeMap::<String, u32>::new();
    let mut first_picked = BTreeMap::<String, u32>::new();
    for seed in 0..400 {
        let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(seed)));
        channel.update(&list.join(" ")).expect("a good list");
        let dialled = channel.dialled();
        let first = dialled.split(' ').next().expect("four are dialled");
        *first_dialled.entry(first.to_owned()).or_default() += 1;
        for address in list {
            channel.ready(address);
        }
        *first_picked.entry(channel.picked()).or_default() += 1;
    }
    for firsts in [first_dialled, first_picked] {
        assert_eq!(firsts.len(), 4);
        assert!(
            firsts.values().all(|count| (60..=140).contains(count)),
            "{firsts:?}"
        );
    }
}

/// Happy Eyeballs runs within each endpoint on its own.
#[test]
fn attempt_delays_of_endpoints() {
    let mut channel = round_robin(&["10.0.0.1:443|10.0.0.2:443", "10.0.0.3:443|10.0.0.4:443"]);
    channel.advance_millis(100);
    channel.fail(A);
    channel.dialled();
    channel.advance_millis(149);
    assert_eq!(channel.dialled(), "");
    channel.advance_millis(1);
    assert_eq!(channel.dialled(), D);
    channel.ready(D);
    channel.ready(B);
    assert_eq!(channel.policy.poll_timeout(), None);
    assert_eq!(shares(&channel, 4), even(&[B, D], 2));
}
