//! Client-side health checks:
//! [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md), run by
//! the health watch of pick_first
//! ([gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md)).

use std::sync::Arc;
use std::time::Duration;

use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, check_policy};
use trunkline_lb::{
    Health, OldList, PickFirst, PickFirstConfig, Policy, PolicyOptions, RoundRobin,
    RoundRobinConfig, ServingStatus, SubchannelState, WatchId,
};
use trunkline_status::{Code, Status};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";

/// `HealthCheckResponse`s.
const UNKNOWN: &str = "";
const SERVING: &str = "\x08\x01";
const NOT_SERVING: &str = "\x08\x02";
const SERVICE_UNKNOWN: &str = "\x08\x03";

/// Returns a round_robin with this list that checks the health of the service `orders`.
fn round_robin(list: &str) -> FakeChannel<RoundRobin> {
    let policy = RoundRobin::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(RoundRobinConfig::default());
    channel.set_health_check(Some("orders"));
    channel.update(list).expect("the list has addresses");
    channel.states();
    channel
}

/// Returns the one watch that runs over the subchannel of `address`.
fn watch_of<P: Policy>(channel: &FakeChannel<P>, address: &str) -> WatchId {
    let watches = channel.watches_of(channel.id(address));
    assert_eq!(watches.len(), 1, "{address}");
    watches[0]
}

/// "The client [..] will call the Watch() method of the health checking service [..] as soon as the
/// connection is up": one call for each connection, with the name of the service.
#[test]
fn the_watch_starts_with_the_connection() {
    let mut channel = round_robin(A);
    assert_eq!(channel.watches.len(), 0);
    channel.ready(A);
    let watch = watch_of(&channel, A);
    let (_, call) = &channel.watches[&watch];
    assert_eq!(call.path, "/grpc.health.v1.Health/Watch");
    assert_eq!(call.request, "\x0a\x06orders");
}

/// The empty name asks for the server as a whole: an empty request.
#[test]
fn the_empty_service_is_the_whole_server() {
    let mut channel = round_robin(A);
    channel.ready(A);
    channel.set_health_check(Some(""));
    channel.update(A).expect("the list has addresses");
    let watch = watch_of(&channel, A);
    assert_eq!(channel.watches[&watch].1.request, "");
}

/// "The subchannel stays in CONNECTING until the first response": calls wait.
#[test]
fn calls_wait_for_the_first_response() {
    let mut channel = round_robin(A);
    channel.ready(A);
    assert_eq!(channel.states(), []);
    assert_eq!(channel.state(), Connecting);
    let watch = watch_of(&channel, A);
    channel.watch_message(watch, SERVING);
    assert_eq!(channel.states(), [Ready]);
    assert_eq!(channel.picked(), A);
    assert_eq!(channel.health(), [Health::Checking, Health::Healthy]);
}

/// SERVING makes a backend READY; any other status makes it fail, with an error that names the backend
/// and the status. The connection stays, and the backend recovers without another one.
#[test]
fn only_serving_is_ready() {
    let statuses = [
        (UNKNOWN, "UNKNOWN"),
        (NOT_SERVING, "NOT_SERVING"),
        (SERVICE_UNKNOWN, "SERVICE_UNKNOWN"),
        ("\x08\x09", "the unknown status 9"),
    ];
    for (response, name) in statuses {
        let mut channel = round_robin(A);
        channel.ready(A);
        let watch = watch_of(&channel, A);
        channel.watch_message(watch, response);
        let expected = format!("{A} is connected, but not healthy: {name}");
        assert_eq!(channel.error(), expected);
        channel.watch_message(watch, SERVING);
        assert_eq!(channel.states(), [TransientFailure, Ready]);
        assert_eq!(channel.dialled(), A);
    }
}

/// A backend that is not healthy gets no calls while another one is; it gets them again when it
/// recovers.
#[test]
fn an_unhealthy_backend_is_left_out() {
    let mut channel = round_robin(&[A, B].join(" "));
    channel.ready(A);
    channel.ready(B);
    let (of_a, of_b) = (watch_of(&channel, A), watch_of(&channel, B));
    channel.watch_message(of_a, SERVING);
    channel.watch_message(of_b, SERVING);
    let picks = |channel: &FakeChannel<RoundRobin>| {
        let mut picks: Vec<String> = (0..4).map(|_| channel.picked()).collect();
        picks.sort();
        picks
    };
    assert_eq!(picks(&channel), [A, A, B, B]);
    channel.watch_message(of_a, NOT_SERVING);
    assert_eq!(picks(&channel), [B, B, B, B]);
    channel.watch_message(of_a, SERVING);
    assert_eq!(picks(&channel), [A, A, B, B]);
    // A repeated status changes nothing.
    let published = channel.published.len();
    channel.watch_message(of_a, SERVING);
    assert_eq!(channel.published.len(), published);
    assert_eq!(channel.removed, []);
}

/// UNIMPLEMENTED: the server has no health service. It counts as healthy, is not asked again, and the
/// application gets an event.
#[test]
fn unimplemented_is_healthy() {
    let mut channel = round_robin(A);
    channel.ready(A);
    let status = Status::new(Code::Unimplemented, "unknown service");
    channel.end_watch(watch_of(&channel, A), status.clone());
    assert_eq!(channel.picked(), A);
    channel.advance_millis(3_600_000);
    assert_eq!(channel.watches.len(), 0);
    let reports = [Health::Checking, Health::Unchecked(status)];
    assert_eq!(channel.health(), reports);
}

/// Any other status, OK included: the backend fails, and the watch starts again with exponential
/// back-off. The delays count from the start of the call that failed.
#[test]
fn a_failed_watch_is_retried_with_back_off() {
    let mut channel = round_robin(A);
    channel.ready(A);
    for (expected, status) in [
        (1.0, Status::unavailable("going down")),
        (1.6, Status::new(Code::Ok, "")),
        (2.56, Status::internal("broken")),
    ] {
        channel.end_watch(watch_of(&channel, A), status.clone());
        let text = format!("{A} is connected, but the health check failed: {status}");
        assert_eq!(channel.error(), text);
        let wait = channel.policy.poll_timeout().expect("a wait") - channel.now;
        let most = Duration::from_secs_f64(expected * 1.2);
        assert!(wait <= most, "{wait:?} after {expected}");
        assert!(wait >= most.mul_f64(0.8 / 1.2), "{wait:?} after {expected}");
        channel.advance_millis(wait.as_millis() as u64 - 1);
        assert_eq!(channel.watches.len(), 0);
        channel.advance_millis(2);
        assert_eq!(channel.watches.len(), 1);
    }
    // The failure is sticky (round_robin): calls do not hang while the check runs again.
    assert_eq!(channel.state(), TransientFailure);
}

/// A received message resets the back-off: the next call starts at once. While it has no answer, the
/// backend is CONNECTING and gets no calls.
#[test]
fn a_message_resets_the_back_off() {
    let mut channel = round_robin(A);
    channel.ready(A);
    let first = watch_of(&channel, A);
    channel.watch_message(first, SERVING);
    channel.advance_millis(5_000);
    channel.end_watch(first, Status::unavailable("restarting"));
    let second = watch_of(&channel, A);
    assert_ne!(first, second);
    assert_eq!(channel.states(), [Ready, Connecting]);
    channel.watch_message(second, SERVING);
    assert_eq!(channel.state(), Ready);
}

/// A server that ends each call after one message is not asked in a loop: the next call starts a first
/// back-off after the start of the last one.
#[test]
fn a_server_that_ends_each_call_is_not_asked_in_a_loop() {
    let mut channel = round_robin(A);
    channel.ready(A);
    let start = channel.now;
    let mut calls = 0;
    while channel.now < start + Duration::from_secs(60) {
        if let Some(&watch) = channel.watches_of(channel.id(A)).first() {
            calls += 1;
            channel.watch_message(watch, SERVING);
            channel.end_watch(watch, Status::new(Code::Ok, ""));
        }
        channel.advance_millis(10);
    }
    assert!((48..=76).contains(&calls), "{calls} calls");
}

/// A response that cannot be decoded fails the check like an error of the server.
#[test]
fn a_malformed_response_is_a_failure() {
    let mut channel = round_robin(A);
    channel.ready(A);
    channel.watch_message(watch_of(&channel, A), "\x08");
    assert_eq!(channel.watches.len(), 0);
    assert!(channel.error().contains("cannot be decoded"));
    channel.advance_millis(1_200);
    channel.watch_message(watch_of(&channel, A), SERVING);
    assert_eq!(channel.picked(), A);
}

/// The application's reset of back-off starts the check again at once.
#[test]
fn a_reset_of_back_off_starts_the_check() {
    let mut channel = round_robin(A);
    channel.ready(A);
    channel.end_watch(watch_of(&channel, A), Status::unavailable("down"));
    assert_eq!(channel.watches.len(), 0);
    channel.event(|policy, _| policy.reset_backoff());
    assert_eq!(channel.watches.len(), 1);
}

/// The watch ends with its connection, and the next connection gets one of its own, which starts
/// without back-off.
#[test]
fn the_next_connection_gets_a_watch_of_its_own() {
    let mut channel = round_robin(A);
    channel.ready(A);
    let first = watch_of(&channel, A);
    channel.watch_message(first, NOT_SERVING);
    channel.idle(A);
    assert_eq!(channel.watches.len(), 0);
    channel.ready(A);
    assert_ne!(watch_of(&channel, A), first);
    // The end of the old watch comes late, and changes nothing.
    let id = channel.id(A);
    let published = channel.published.len();
    channel.event(|policy, control| {
        let ended = trunkline_lb::WatchEvent::Ended(Status::unavailable("lost"));
        policy.handle_watch(first, id, ended, control);
    });
    assert_eq!(channel.published.len(), published);
}

/// The check follows the service config: another service is asked for at once, the same one changes
/// nothing, and without one every connected backend is ready.
#[test]
fn the_service_can_change() {
    let mut channel = round_robin(A);
    channel.ready(A);
    let first = watch_of(&channel, A);
    channel.watch_message(first, NOT_SERVING);
    channel.update(A).expect("the list has addresses");
    assert_eq!(watch_of(&channel, A), first);
    channel.set_health_check(Some("carts"));
    channel.update(A).expect("the list has addresses");
    let second = watch_of(&channel, A);
    assert_ne!(first, second);
    assert_eq!(channel.watches[&second].1.request, "\x0a\x05carts");
    channel.set_health_check(None);
    channel.update(A).expect("the list has addresses");
    assert_eq!(channel.watches.len(), 0);
    assert_eq!(channel.picked(), A);
    channel.set_health_check(Some("carts"));
    channel.update(A).expect("the list has addresses");
    assert_eq!(channel.state(), Connecting);
    assert_eq!(channel.dialled(), A);
}

/// "pick_first must inhibit it when top-level": pick_first on its own starts no watch.
#[test]
fn pick_first_alone_does_not_check() {
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
    channel.set_health_check(Some("orders"));
    channel.update(A).expect("the list has addresses");
    channel.ready(A);
    assert_eq!(channel.watches.len(), 0);
    assert_eq!(channel.picked(), A);
}

/// A pick_first under another policy reports the health in place of its connection (gRFC A61): it keeps
/// an unhealthy connection, and is idle only when that is lost.
#[test]
fn pick_first_reports_the_health() {
    let config = PickFirstConfig::default().with_health_checks(true);
    let policy = PickFirst::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(config);
    channel.set_health_check(Some("orders"));
    channel.update(&[A, B].join("|")).expect("addresses");
    channel.ready(A);
    assert_eq!(channel.policy.selected(), None);
    let watch = watch_of(&channel, A);
    channel.watch_message(watch, SERVING);
    assert_eq!(channel.policy.selected(), Some(channel.id(A)));
    channel.watch_message(watch, NOT_SERVING);
    assert_eq!(channel.policy.selected(), None);
    // An unhealthy backend does not make it try the other address.
    assert_eq!(channel.dialled(), A);
    channel.resolver_error("NXDOMAIN", OldList::DropList);
    assert_eq!(channel.state(), TransientFailure);
    channel.watch_message(watch, SERVING);
    assert_eq!(channel.picked(), A);
    channel.update(&[B, A].join("|")).expect("addresses");
    assert_eq!(watch_of(&channel, A), watch);
    channel.set(A, SubchannelState::Idle);
    assert_eq!(channel.state(), Idle);
    let states = [Connecting, Connecting, Ready, TransientFailure, Ready, Idle];
    assert_eq!(channel.states(), states);
}

/// With health checks, pick_first keeps the rules of every policy, as round_robin does.
#[test]
fn rules() {
    let config = PickFirstConfig::default().with_health_checks(true);
    check_policy(Arc::new(config), |options| {
        Box::new(PickFirst::new(options))
    });
}

/// The texts of health: parts of a sentence.
#[test]
fn texts() {
    let check = |health: Health, expected: &str| assert_eq!(health.to_string(), expected);
    check(Health::Checking, "the health check has not answered");
    check(Health::Healthy, "healthy");
    check(
        Health::Unhealthy(ServingStatus::ServiceUnknown),
        "not healthy: SERVICE_UNKNOWN",
    );
}
