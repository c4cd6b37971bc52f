//! Policies that find a connection of another policy of their channel, which they share: they use it, and dial
//! nothing.
//!
//! Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md): a
//! subchannel of a new list that is ready is used.

use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{
    PickFirst, Policy, PolicyOptions, RingHash, RingHashConfig, RoundRobin, SubchannelState,
};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";

/// Returns a policy with the list A, B, C, in a channel in which another policy is connected to `shared`.
fn with_shared<P: Policy>(channel: FakeChannel<P>, shared: &[&str]) -> FakeChannel<P> {
    let mut channel = channel;
    for address in shared {
        channel.connect_elsewhere(address);
    }
    let accepted = channel.update(&[A, B, C].join(" "));
    accepted.expect("the policy accepts the list");
    channel
}

fn pick_first(shared: &[&str]) -> FakeChannel<PickFirst> {
    let policy = PickFirst::new(&PolicyOptions::new(7));
    with_shared(FakeChannel::new(policy), shared)
}

/// pick_first uses the first address in its list that is connected, whatever its place, and no other.
#[test]
fn pick_first_uses_what_is_connected() {
    for (shared, used) in [(&[B][..], B), (&[C], C), (&[C, B], B), (&[A, C], A)] {
        let mut channel = pick_first(shared);
        assert_eq!(channel.states(), [Ready], "{shared:?}");
        assert_eq!(channel.picked(), used, "{shared:?}");
        assert_eq!(channel.dialled(), "", "{shared:?}");
        assert_eq!(channel.policy.poll_timeout(), None, "{shared:?}");
    }
}

/// When the shared connection is lost, pick_first is idle, and begins at the head of its list.
#[test]
fn pick_first_begins_at_the_head_after_a_loss() {
    let mut channel = pick_first(&[]);
    assert_eq!(
        (channel.states(), channel.dialled()),
        (vec![Connecting], A.to_owned())
    );
    let mut channel = pick_first(&[B]);
    channel.set(B, SubchannelState::Idle);
    assert_eq!(channel.states(), [Ready, Idle]);
    assert_eq!(channel.dialled(), "");
}

/// The children of round_robin whose address is connected are ready at once. The others are dialled.
#[test]
fn round_robin_dials_only_the_others() {
    let policy = RoundRobin::new(&PolicyOptions::new(7));
    let mut channel = with_shared(FakeChannel::new(policy), &[B]);
    assert_eq!(channel.state(), Ready);
    assert_eq!(channel.picked(), B);
    let dialled = channel.dialled();
    let mut dialled: Vec<&str> = dialled.split(' ').collect();
    dialled.sort_unstable();
    assert_eq!(dialled, [A, C]);
}

/// ring_hash wakes the children whose address is connected, and only those: it is ready, and dials nothing.
#[test]
fn ring_hash_wakes_what_is_connected() {
    let policy = RingHash::new(&PolicyOptions::new(7));
    let channel = FakeChannel::new(policy).with_config(RingHashConfig::default());
    let mut channel = with_shared(channel, &[B]);
    assert_eq!(channel.state(), Ready);
    assert_eq!(
        (channel.addresses(), channel.dialled()),
        (B.to_owned(), String::new())
    );
}
