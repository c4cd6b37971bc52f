//! Ejections by a policy above: the generic health of gRFC A61.
//!
//! Source:
//! [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md#generic-health-reporting).

use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{
    PickFirst, PickFirstConfig, Policy, PolicyOptions, RoundRobin, RoundRobinConfig, WatchId,
};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const A_V6: &str = "[2001:db8::1]:443";

/// The error of calls while the backend at `A` is ejected and there is no other.
const A_IS_EJECTED: &str = "10.0.0.1:443 is connected, but ejected: too many of its calls failed, \
                            compared with other backends";

const SERVING: &str = "\x08\x01";
const NOT_SERVING: &str = "\x08\x02";

/// Returns a pick_first as it runs under round_robin.
fn pick_first(list: &str) -> FakeChannel<PickFirst> {
    let config = PickFirstConfig::default().with_health_checks(true);
    let policy = PickFirst::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(config);
    channel.update(list).expect("the list has addresses");
    channel.states();
    channel
}

fn round_robin(list: &str) -> FakeChannel<RoundRobin> {
    let policy = RoundRobin::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(RoundRobinConfig::default());
    channel.update(list).expect("the list has addresses");
    channel.states();
    channel
}

fn eject<P: Policy>(channel: &mut FakeChannel<P>, address: &str, ejected: bool) {
    channel.eject(channel.id(address), ejected);
}

/// Returns the addresses of four calls, sorted.
fn picks(channel: &FakeChannel<RoundRobin>) -> Vec<String> {
    let mut picks: Vec<String> = (0..4).map(|_| channel.picked()).collect();
    picks.sort();
    picks
}

fn watch_of<P: Policy>(channel: &FakeChannel<P>, address: &str) -> WatchId {
    let watches = channel.watches_of(channel.id(address));
    assert_eq!(watches.len(), 1, "{address}");
    watches[0]
}

/// "Once a subchannel is selected [..] report that state": an ejection makes a connected pick_first fail,
/// with an error that names the address and the reason. The connection stays, and is used again.
#[test]
fn an_ejected_backend_fails_and_stays_connected() {
    let mut channel = pick_first(A);
    channel.ready(A);
    channel.dialled();
    eject(&mut channel, A, true);
    assert_eq!(channel.error(), A_IS_EJECTED);
    assert_eq!(channel.policy.selected(), None);
    eject(&mut channel, A, false);
    assert_eq!(channel.picked(), A);
    assert_eq!(channel.states(), [Ready, TransientFailure, Ready]);
    assert_eq!(channel.dialled(), "");
    assert_eq!(channel.removed, []);
}

/// "Without the option (pick_first at top level) neither mechanism has any effect."
#[test]
fn pick_first_alone_ignores_ejections() {
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
    channel.update(A).expect("the list has addresses");
    channel.ready(A);
    channel.states();
    eject(&mut channel, A, true);
    assert_eq!(channel.states(), []);
    assert_eq!(channel.picked(), A);
}

/// An ejection that changes nothing publishes nothing, and neither does that of a subchannel that was
/// removed.
#[test]
fn repeated_ejections_change_nothing() {
    let mut channel = pick_first(&[A, A_V6].join("|"));
    channel.advance_millis(250);
    let second = channel.id(A_V6);
    channel.ready(A);
    channel.states();
    eject(&mut channel, A, false);
    channel.eject(second, true);
    assert_eq!(channel.states(), []);
    eject(&mut channel, A, true);
    eject(&mut channel, A, true);
    assert_eq!(channel.states(), [TransientFailure]);
}

/// An ejection does not make pick_first try its other addresses: they lead to the same backend.
#[test]
fn an_ejection_dials_no_other_address() {
    let mut channel = pick_first(&[A, A_V6].join("|"));
    channel.ready(A);
    eject(&mut channel, A, true);
    channel.advance_millis(60_000);
    assert_eq!(channel.dialled(), A);
    assert_eq!(channel.reresolutions(), 0);
}

/// A subchannel that is ejected before it is connected never gets a call: pick_first goes from
/// `CONNECTING` to `TRANSIENT_FAILURE`.
#[test]
fn a_subchannel_can_start_ejected() {
    let mut channel = pick_first(A);
    eject(&mut channel, A, true);
    assert_eq!(channel.states(), []);
    channel.ready(A);
    assert_eq!(channel.states(), [TransientFailure]);
    assert_eq!(channel.error(), A_IS_EJECTED);
}

/// An ejection lasts until it is taken back: a lost connection does not end it.
#[test]
fn an_ejection_outlives_the_connection() {
    let mut channel = pick_first(A);
    channel.ready(A);
    eject(&mut channel, A, true);
    channel.idle(A);
    channel.exit_idle();
    channel.ready(A);
    let states = [Ready, TransientFailure, Idle, Connecting, TransientFailure];
    assert_eq!(channel.states(), states);
    channel.update(A).expect("the list has addresses");
    assert_eq!(channel.error(), A_IS_EJECTED);
    eject(&mut channel, A, false);
    assert_eq!(channel.picked(), A);
}

/// The resolver's note ends the error, as it ends the errors of failed connections.
#[test]
fn the_error_ends_with_the_note() {
    let mut channel = pick_first(A);
    channel.ready(A);
    let list = endpoints(A);
    let accepted = channel.update_with_note(list, "from the cache, 3 s old");
    accepted.expect("the list has addresses");
    eject(&mut channel, A, true);
    assert_eq!(
        channel.error(),
        format!("{A_IS_EJECTED}; from the cache, 3 s old")
    );
}

/// Health check and ejection together: a backend gets calls only if it is healthy and not ejected. The
/// health check goes on during an ejection, so that its end needs no new answer.
#[test]
fn health_check_and_ejection_together() {
    let config = PickFirstConfig::default().with_health_checks(true);
    let policy = PickFirst::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(config);
    channel.set_health_check(Some("orders"));
    channel.update(A).expect("the list has addresses");
    channel.ready(A);
    let watch = watch_of(&channel, A);
    channel.watch_message(watch, SERVING);
    eject(&mut channel, A, true);
    assert_eq!(channel.error(), A_IS_EJECTED);
    channel.watch_message(watch, NOT_SERVING);
    assert_eq!(channel.error(), A_IS_EJECTED);
    eject(&mut channel, A, false);
    let unhealthy = format!("{A} is connected, but not healthy: NOT_SERVING");
    assert_eq!(channel.error(), unhealthy);
    eject(&mut channel, A, true);
    channel.watch_message(watch, SERVING);
    assert_eq!(channel.error(), A_IS_EJECTED);
    eject(&mut channel, A, false);
    assert_eq!(channel.picked(), A);
    assert_eq!(watch_of(&channel, A), watch);
    assert_eq!(channel.dialled(), A);
}

/// Under round_robin an ejected endpoint gets no calls while another is ready, and gets them again
/// afterwards. Its failure never makes the policy idle.
#[test]
fn round_robin_leaves_out_ejected_endpoints() {
    let mut channel = round_robin(&[A, B].join(" "));
    channel.ready(A);
    channel.ready(B);
    assert_eq!(picks(&channel), [A, A, B, B]);
    eject(&mut channel, A, true);
    assert_eq!(picks(&channel), [B, B, B, B]);
    eject(&mut channel, A, false);
    assert_eq!(picks(&channel), [A, A, B, B]);
    assert!(channel.states().iter().all(|state| *state == Ready));
    assert_eq!(channel.removed, []);
}

/// With all endpoints ejected the calls fail, with the reason of the newest ejection.
#[test]
fn round_robin_fails_with_all_endpoints_ejected() {
    let mut channel = round_robin(&[B, A].join(" "));
    channel.ready(A);
    channel.ready(B);
    channel.states();
    eject(&mut channel, B, true);
    eject(&mut channel, A, true);
    assert_eq!(channel.states(), [Ready, TransientFailure]);
    assert_eq!(channel.error(), A_IS_EJECTED);
    eject(&mut channel, B, false);
    assert_eq!(channel.picked(), B);
}

/// An endpoint with two addresses is ejected as a whole, on whichever of them it is connected.
#[test]
fn round_robin_ejects_an_endpoint_of_two_addresses() {
    let mut channel = round_robin(&format!("{A}|{A_V6} {B}"));
    channel.ready(B);
    channel.advance_millis(250);
    eject(&mut channel, A, true);
    eject(&mut channel, A_V6, true);
    channel.ready(A_V6);
    assert_eq!(picks(&channel), [B, B, B, B]);
    eject(&mut channel, A_V6, false);
    assert_eq!(picks(&channel), [B, B, A_V6, A_V6]);
}

/// Several ejections of one batch make one picker.
#[test]
fn a_batch_of_ejections_publishes_once() {
    let mut channel = round_robin(&[A, B, "10.0.0.3:443"].join(" "));
    for address in [A, B, "10.0.0.3:443"] {
        channel.ready(address);
    }
    let before = channel.published.len();
    channel.has_more = true;
    eject(&mut channel, A, true);
    eject(&mut channel, B, true);
    channel.has_more = false;
    channel.settle();
    assert_eq!(channel.published.len(), before + 1);
    assert_eq!(picks(&channel), ["10.0.0.3:443"; 4]);
}
