//! pick_first with new lists:
//! [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md) and
//! gRPC's client channel specification.

use trunkline_endpoint::{Address, AttributeKey, Attributes, Endpoint};
use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, address};
use trunkline_lb::{Pick, PickFirst, Policy, PolicyOptions};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";
const D: &str = "10.0.0.4:443";

fn pick_first(list: &[&str]) -> FakeChannel<PickFirst> {
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
    channel
        .update(&list.join(" "))
        .expect("the policy accepts the list");
    channel
}

/// A list without the address in use: the policy connects at once, without becoming idle.
#[test]
fn disjoint_lists() {
    let mut channel = pick_first(&[A, B]);
    channel.ready(A);
    channel
        .update(&[C, D].join(" "))
        .expect("the policy accepts the list");
    channel.ready(C);
    assert_eq!(channel.states(), [Connecting, Ready, Connecting, Ready]);
    assert_eq!(channel.addresses(), C);
}

/// A list with the address in use, at any position, changes nothing.
#[test]
fn address_in_use_stays() {
    let mut channel = pick_first(&[A, B]);
    channel.ready(A);
    let id = channel.id(A);
    channel.dialled();
    for list in [[A, B], [B, A], [C, A], [A, D]] {
        channel
            .update(&list.join(" "))
            .expect("the policy accepts the list");
        assert_eq!(channel.pick(), Pick::Subchannel(id));
    }
    assert_eq!(channel.states(), [Connecting, Ready]);
    assert_eq!(channel.dialled(), "");
    assert_eq!(channel.addresses(), A);
}

/// After the connection is lost, the policy tries the list that came while it was ready, from the
/// first address, although another address worked last.
#[test]
fn newest_list_after_a_loss() {
    let mut channel = pick_first(&[A, B]);
    channel.fail(A);
    channel.ready(B);
    channel
        .update(&[C, B, D].join(" "))
        .expect("the policy accepts the list");
    channel.dialled();
    channel.idle(B);
    assert_eq!(channel.pick(), Pick::ExitIdle);
    assert_eq!(channel.reresolutions(), 1);
    channel.exit_idle();
    assert_eq!(channel.states(), [Connecting, Ready, Idle, Connecting]);
    assert_eq!(channel.dialled(), C);
    channel.fail(C);
    assert_eq!(channel.dialled(), B);
    channel.ready(B);
    assert_eq!(channel.state(), Ready);
}

/// A new list does not end idleness: no call needs a connection.
#[test]
fn idle_stays_idle() {
    let mut channel = pick_first(&[A]);
    channel.ready(A);
    channel.idle(A);
    channel.dialled();
    channel.states();
    channel
        .update(&[B, C].join(" "))
        .expect("the policy accepts the list");
    channel.advance_millis(10_000);
    assert_eq!(channel.dialled(), "");
    assert_eq!(channel.states(), []);
    channel.exit_idle();
    assert_eq!(channel.states(), [Connecting]);
    assert_eq!(channel.dialled(), B);
    // A second request changes nothing.
    channel.exit_idle();
    assert_eq!(channel.states(), []);
    assert_eq!(channel.dialled(), "");
}

/// An empty list removes everything, calls fail, and the resolver gets an error. That failure ends
/// with the next accepted list; a failure of connections does not (it is sticky).
#[test]
fn empty_list() {
    let mut channel = pick_first(&[A]);
    channel.ready(A);
    let error = channel.update("").unwrap_err();
    assert_eq!(
        error.message(),
        "name resolver error: produced zero addresses"
    );
    assert_eq!(channel.error(), error.message());
    assert_eq!(channel.addresses(), "");
    channel.update(B).expect("the policy accepts the list");
    channel.ready(B);
    assert_eq!(
        channel.states(),
        [Connecting, Ready, TransientFailure, Connecting, Ready]
    );
    assert!(
        channel.update_endpoints(vec![Endpoint::default()]).is_err(),
        "the endpoint has no address"
    );
}

/// Addresses that are listed twice, in one endpoint or in two, are tried once.
#[test]
fn duplicates() {
    let mut channel = pick_first(&[A, A, "10.0.0.1:443|10.0.0.2:443", B]);
    channel.fail(A);
    channel.fail(B);
    assert_eq!(channel.state(), TransientFailure);
    assert_eq!(channel.dialled(), [A, B].join(" "));
}

/// An IPv4 address that is also listed in its IPv4-mapped IPv6 form is tried once.
#[test]
fn mapped_duplicates() {
    let mut channel = pick_first(&["[::ffff:10.0.0.1]:443", "10.0.0.1:443", B]);
    channel.fail("10.0.0.1:443");
    channel.fail(B);
    assert_eq!(channel.dialled(), ["10.0.0.1:443", B].join(" "));
}

/// A repeated list does not restart the pass: otherwise a resolver that is quicker than the
/// attempts would delay the end of the pass for ever.
#[test]
fn same_list_while_connecting() {
    let mut channel = pick_first(&[A, B]);
    for list in [[A, B], [B, A], [A, B], [B, A]] {
        channel.advance_millis(100);
        channel
            .update(&list.join(" "))
            .expect("the policy accepts the list");
    }
    assert_eq!(channel.dialled(), [A, B].join(" "));
    channel.fail(A);
    channel
        .update(&[B, A].join(" "))
        .expect("the policy accepts the list");
    channel.fail(B);
    assert_eq!(channel.states(), [Connecting, TransientFailure]);
}

/// Another list while connecting: attempts at addresses that stay go on, the others end, and a new
/// pass starts, which counts the ones that go on as started.
#[test]
fn other_list_while_connecting() {
    let mut channel = pick_first(&[A, B, C]);
    channel.advance_millis(250);
    assert_eq!(channel.addresses(), [A, B].join(" "));
    let kept = channel.id(B);
    channel.dialled();
    channel
        .update(&[D, B].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.addresses(), [B, D].join(" "));
    assert_eq!(channel.id(B), kept);
    assert_eq!(channel.dialled(), D);
    // The turn of B comes, and it counts as started. It is the last, so no timer is set.
    channel.advance_millis(250);
    assert_eq!(channel.dialled(), "");
    assert_eq!(channel.policy.poll_timeout(), None);
    channel.fail(B);
    channel.fail(D);
    assert_eq!(channel.states(), [Connecting, TransientFailure]);
}

/// TRANSIENT_FAILURE is sticky: the policy tries a new list, and calls fail until a subchannel is
/// ready. (grpc-go returns to CONNECTING, so calls hang.)
#[test]
fn failing_is_sticky() {
    let mut channel = pick_first(&[A, B]);
    channel.fail(A);
    channel.fail(B);
    assert_eq!(channel.reresolutions(), 1);
    channel.states();
    channel.dialled();
    channel
        .update(&[A, C, D].join(" "))
        .expect("the policy accepts the list");
    // A is in back-off, so it counts as tried.
    assert_eq!(channel.dialled(), C);
    channel.advance_millis(250);
    assert_eq!(channel.dialled(), D);
    assert_eq!(channel.states(), []);
    assert_eq!(channel.addresses(), [A, C, D].join(" "));
    channel.fail(C);
    channel.fail(D);
    assert_eq!(channel.states(), [TransientFailure]);
    assert_eq!(channel.reresolutions(), 1);
    assert!(!channel.error().contains(B), "{} is not listed any more", B);
    for _ in 0..10 {
        channel.idle(D);
        channel.fail(D);
    }
    channel.idle(D);
    channel.ready(D);
    let states = channel.states();
    assert!(
        states[..states.len() - 1]
            .iter()
            .all(|state| *state == TransientFailure)
    );
    assert_eq!(states.last(), Some(&Ready));
}

/// An attribute that is part of a connection's identity.
struct Realm;

impl AttributeKey for Realm {
    type Value = u32;
    const NAME: &'static str = "realm";
    const IDENTIFIES_CONNECTION: bool = true;
}

/// An attribute that is not.
struct Load;

impl AttributeKey for Load {
    type Value = u32;
    const NAME: &'static str = "load";
    const IDENTIFIES_CONNECTION: bool = false;
}

fn with_attributes(attributes: Attributes) -> Vec<Endpoint> {
    vec![Endpoint::new([address(A).with_attributes(attributes)])]
}

/// A new value of an attribute that identifies connections causes a new connection; a new value of
/// another attribute does not.
#[test]
fn attributes() {
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
    let realm = Attributes::new().with::<Realm>(1);
    channel
        .update_endpoints(with_attributes(realm.clone()))
        .expect("the policy accepts the list");
    channel.ready(A);
    let id = channel.id(A);
    channel
        .update_endpoints(with_attributes(realm.with::<Load>(5)))
        .expect("the policy accepts the list");
    assert_eq!(channel.id(A), id);
    assert_eq!(channel.state(), Ready);
    channel
        .update_endpoints(with_attributes(realm.with::<Realm>(2)))
        .expect("the policy accepts the list");
    assert_ne!(channel.id(A), id);
    assert_eq!(channel.state(), Connecting);
}

/// A new server name causes a new connection.
#[test]
fn server_name() {
    let named = |name: &str| -> Vec<Endpoint> {
        vec![Endpoint::new([
            Address::clone(&address(A)).with_server_name(name)
        ])]
    };
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(7)));
    channel
        .update_endpoints(named("a.example"))
        .expect("the policy accepts the list");
    channel.ready(A);
    channel
        .update_endpoints(named("a.example"))
        .expect("the policy accepts the list");
    assert_eq!(channel.state(), Ready);
    channel
        .update_endpoints(named("b.example"))
        .expect("the policy accepts the list");
    assert_eq!(channel.state(), Connecting);
}
