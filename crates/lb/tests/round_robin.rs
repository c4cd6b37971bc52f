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
    channel
        .update(&list.join(" "))
        .expect("the policy accepts the list");
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

/// Returns how often each address is picked in `picks` picks from one picker.
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

/// All endpoints are connected at once, and get calls in turn as soon as they are ready.
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

/// A batch of events causes one new picker. It has all endpoints that are ready at the end of the
/// batch, and not one that was lost again.
#[test]
fn one_picker_for_events_that_come_together() {
    let list: Vec<String> = (0..100).map(|port| format!("10.0.0.1:{port}")).collect();
    let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(7)));
    channel
        .update(&list.join(" "))
        .expect("the policy accepts the list");
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
    assert_eq!(channel.published.len() - before, 1, "nothing has changed");
}

/// An endpoint gets one share of the calls, however many addresses it has and however often it is
/// listed.
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

/// An endpoint whose addresses change only their order keeps its connection.
#[test]
fn endpoint_is_a_set() {
    let mut channel = round_robin(&["10.0.0.1:443|10.0.0.2:443"]);
    channel.ready(A);
    let id = channel.id(A);
    channel
        .update("10.0.0.2:443|10.0.0.1:443")
        .expect("the policy accepts the list");
    assert_eq!(channel.id(A), id);
    // The child has the new order: it tries that next.
    channel.dialled();
    channel.idle(A);
    assert_eq!(channel.dialled(), B);
}

/// An endpoint whose connection is lost connects again at once, without becoming idle. Meanwhile
/// the others get the calls.
#[test]
fn lost_connection() {
    let mut channel = ready(&[A, B]);
    channel.idle(A);
    assert_eq!(channel.dialled(), A);
    assert_eq!(channel.reresolutions(), 1);
    assert_eq!(channel.states(), [Ready]);
    assert_eq!(shares(&channel, 4), even(&[B], 4));
    channel.fail(A);
    assert_eq!(channel.states(), [], "the ready endpoints are the same");
    channel.idle(A);
    channel.ready(A);
    assert_eq!(shares(&channel, 4), even(&[A, B], 2));
}

/// When the last connection is lost, calls wait; then they fail with the newest error. A child that
/// fails counts as failing until it is ready, however often it tries.
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

/// Calls wait while one endpoint is connecting, though all others fail; also while a new endpoint
/// connects.
#[test]
fn failing_and_connecting() {
    let mut channel = round_robin(&[A, B]);
    channel.fail(A);
    assert_eq!(channel.states(), [Connecting]);
    channel.fail(B);
    channel
        .update(&[A, B, C].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.states(), [TransientFailure, Connecting]);
    channel.fail(C);
    assert_eq!(channel.states(), [TransientFailure]);
}

/// Endpoints that are not listed any more are removed; those that stay keep their connections.
#[test]
fn endpoints_change() {
    let mut channel = ready(&[A, B, C]);
    let kept = channel.id(B);
    channel
        .update(&[D, B].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.addresses(), [B, D].join(" "));
    assert_eq!(channel.id(B), kept);
    assert_eq!(channel.dialled(), D);
    assert_eq!(shares(&channel, 4), even(&[B], 4));
    channel.ready(D);
    assert_eq!(shares(&channel, 4), even(&[B, D], 2));
    // Nothing has changed, so nothing is published.
    channel.states();
    channel
        .update(&[B, D].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.states(), []);
}

/// When the endpoint whose error was published is removed, the error of another one is published.
#[test]
fn error_of_a_removed_endpoint() {
    let mut channel = round_robin(&[A, B]);
    channel.fail(B);
    channel.fail(A);
    assert!(channel.error().contains(A));
    channel.update(B).expect("the policy accepts the list");
    assert!(channel.error().contains(B));
}

/// With an empty list, calls fail with the text that the resolver produced no address. After a
/// later error of the resolver, they fail with that error.
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
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.state(), Connecting);
}

/// Before the first list, calls fail with the resolver's error.
#[test]
fn no_list() {
    let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(7)));
    channel.resolver_error("no such host", OldList::Keep);
    assert_eq!(channel.error(), "name resolver error: no such host");
}

/// An error of the resolver that keeps the list changes nothing while an endpoint is ready. When
/// all endpoints fail, it is part of the error of calls.
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

/// When the list is dropped, connections stay in use, and no address is dialled again.
#[test]
fn dropped_list() {
    let mut channel = ready(&[A, B]);
    channel
        .update(&[A, B, C].join(" "))
        .expect("the policy accepts the list");
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
    // The error ends with the next list: calls wait for its connections.
    channel.update(A).expect("the policy accepts the list");
    assert_eq!((channel.state(), channel.pick()), (Connecting, Pick::Queue));
    channel
        .update(&[A, C].join(" "))
        .expect("the policy accepts the list");
    channel.ready(C);
    assert_eq!(shares(&channel, 4), even(&[C], 4));
}

/// Each picker begins at a random endpoint, and so does the order of connecting, so that many
/// clients do not use the same endpoint at the same time.
#[test]
fn random_beginnings() {
    let list = [A, B, C, D];
    let mut first_dialled = BTreeMap::<String, u32>::new();
    let mut first_picked = BTreeMap::<String, u32>::new();
    for seed in 0..400 {
        let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(seed)));
        channel
            .update(&list.join(" "))
            .expect("the policy accepts the list");
        let dialled = channel.dialled();
        let first = dialled.split(' ').next().expect("all four are dialled");
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

/// Each endpoint has a Happy Eyeballs pass of its own.
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
