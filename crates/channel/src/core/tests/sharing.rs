//! Subchannels that several policies hold.

use super::*;

/// round_robin, which checks the health of one service.
const CHECKED_ROUND_ROBIN: &str = r#"{
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": "one"}
}"#;

/// Another policy, which checks the health of another service.
const CHECKED_LEAST_REQUEST: &str = r#"{
    "loadBalancingConfig": [{"least_request_experimental": {}}],
    "healthCheckConfig": {"serviceName": "two"}
}"#;

/// Returns a `HealthCheckResponse` with the status SERVING.
fn serving() -> WatchEvent {
    WatchEvent::Message(bytes::Bytes::from_static(&[8, 1]))
}

/// Returns a core with two policies that hold the subchannels of the ports: round_robin, which is READY, and the
/// one that is to take over, which waits for the health of its backends.
fn two_holders(ports: &[u16]) -> CoreHarness {
    let mut harness = CoreHarness::new("{}");
    harness.resolve(list(ports).with_service_config(CHECKED_ROUND_ROBIN));
    for port in ports {
        harness.connected(*port);
    }
    for (watch, _) in harness.watches.clone() {
        harness.core.handle_watch(watch, serving(), harness.now);
    }
    harness.settle();
    assert_eq!(harness.snapshot.state, ConnectivityState::Ready);
    harness.resolve(list(ports).with_service_config(CHECKED_LEAST_REQUEST));
    harness
}

/// Returns the connections over which watches run, in the order of their start.
fn watched(harness: &CoreHarness) -> Vec<u32> {
    let watches = harness.watches.iter();
    watches.map(|(_, connection)| *connection).collect()
}

/// Each policy has its own watches over a shared connection, and its own state: the new policy takes over once
/// its own health check is answered. Nothing is dialled. The watches of the old one end then.
#[test]
fn each_holder_has_its_own_watches() {
    let mut harness = two_holders(&[1]);
    assert_eq!((harness.running(), watched(&harness)), (vec![], vec![1, 1]));
    assert_eq!(harness.core.subchannels.len(), 1);
    assert_eq!(harness.snapshot.state, ConnectivityState::Ready);
    let (watch, _) = harness.watches[1];
    harness.core.handle_watch(watch, serving(), harness.now);
    harness.settle();
    assert_eq!(harness.watches, [(watch, 1)]);
    assert_eq!(harness.picks(2), [1, 1]);
    assert_eq!(
        harness.core.policy.name(),
        Some("least_request_experimental")
    );
}

/// The loss of a shared connection ends the watches of all holders, and each is notified. The address is dialled
/// once.
#[test]
fn each_holder_is_notified_of_a_loss() {
    let mut harness = two_holders(&[1]);
    harness.lost(1);
    assert_eq!(watched(&harness), [0; 0]);
    assert_eq!(harness.running(), [1]);
    harness.connected(1);
    assert_eq!(watched(&harness), [1]);
}

/// A new policy goes on with the attempts and the back-offs of the old one, and the ids of subchannels stay.
#[test]
fn attempts_and_back_offs_stay() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2]);
    harness.refused(2);
    let running = harness.attempt_at(1);
    let config = r#"{"loadBalancingConfig": [{"least_request_experimental": {}}]}"#;
    harness.resolve(list(&[1, 2]).with_service_config(config));
    assert_eq!(harness.running(), [1]);
    assert_eq!(harness.attempt_at(1), running);
    assert_eq!(harness.cancelled, 0);
    harness.connected(1);
    assert_eq!(harness.picks(2), [1, 1]);
    harness.wait(Duration::from_secs(2));
    assert_eq!(harness.running(), [2]);
    assert_eq!(harness.core.subchannels.len(), 2);
}

/// Returns a core whose policy has a subchannel at port 1, and two holds of that: its own, and one of the test.
fn held_twice() -> (CoreHarness, HoldId, HoldId) {
    let mut harness = CoreHarness::new("{}");
    harness.list(&[1]);
    let own = harness.core.subchannels.holds().ids()[0];
    let mut control = harness.core.actions.control(harness.now);
    let other = control.create_subchannel(address(1).into());
    harness.core.carry_out_actions(harness.now);
    (harness, own, other)
}

/// Requests something in the place of a policy.
fn request(harness: &mut CoreHarness, event: impl FnOnce(&mut Control<'_>)) {
    event(&mut harness.core.actions.control(harness.now));
    harness.core.carry_out_actions(harness.now);
    harness.settle();
}

/// An attempt that no policy waits for any more is cancelled, also while another one holds the subchannel. That
/// one can connect later.
#[test]
fn an_attempt_ends_with_the_policy_that_wants_it() {
    let (mut harness, own, other) = held_twice();
    assert_eq!(harness.running(), [1]);
    request(&mut harness, |control| control.remove_subchannel(own));
    assert_eq!((harness.running(), harness.cancelled), (vec![], 1));
    request(&mut harness, |control| control.connect(other));
    assert_eq!(harness.running(), [1]);
    request(&mut harness, |control| control.remove_subchannel(other));
    assert_eq!((harness.running(), harness.cancelled), (vec![], 2));
    assert_eq!(harness.core.subchannels.len(), 0);
}

/// An attempt goes on while another policy has requested a connection, too.
#[test]
fn an_attempt_goes_on_for_the_other_policy() {
    let (mut harness, own, other) = held_twice();
    request(&mut harness, |control| control.connect(other));
    request(&mut harness, |control| control.remove_subchannel(own));
    assert_eq!((harness.running(), harness.cancelled), (vec![1], 0));
    harness.connected(1);
    let connections = &harness.snapshot.connections;
    assert!(connections.get(own).is_none());
    assert_eq!(
        connections
            .get(other)
            .map(|ready| ready.oldest().connection),
        Some(1)
    );
}

/// The attempt that is held back after an unused connection stays held back for the other policy.
#[test]
fn a_hold_back_outlives_its_policy() {
    let (mut harness, own, other) = held_twice();
    harness.connected(1);
    harness.lose(1, true);
    request(&mut harness, |control| control.connect(own));
    assert_eq!(harness.running(), [0; 0]);
    request(&mut harness, |control| control.remove_subchannel(own));
    request(&mut harness, |control| control.connect(other));
    assert_eq!(harness.running(), [0; 0]);
    harness.wait(Duration::from_secs(2));
    assert_eq!(harness.running(), [1]);
}

/// A subchannel opens as many connections as the policy lets it that lets it most.
#[test]
fn the_highest_limit_of_the_holders_counts() {
    let (mut harness, own, other) = held_twice();
    harness.connected(1);
    let id = harness.core.subchannels.held(own).expect("a hold");
    let most = |harness: &CoreHarness| {
        let subchannel = harness.core.subchannels.get(id).expect("a subchannel");
        let of = |hold| {
            harness
                .snapshot
                .connections
                .get(hold)
                .map(|ready| ready.most(1))
        };
        (subchannel.max_connections(1), of(own), of(other))
    };
    let limit = |most| std::num::NonZeroU32::new(most);
    request(&mut harness, |control| {
        control.limit_connections(own, limit(3))
    });
    assert_eq!(most(&harness), (3, Some(3), Some(1)));
    assert_eq!(harness.looks, [id, id]);
    request(&mut harness, |control| {
        control.limit_connections(other, limit(2))
    });
    assert_eq!(most(&harness), (3, Some(3), Some(2)));
    request(&mut harness, |control| control.remove_subchannel(own));
    assert_eq!(most(&harness), (2, None, Some(2)));
}

/// A subchannel that is removed and created in one batch of actions keeps its connection.
#[test]
fn a_subchannel_that_is_created_again_keeps_its_connection() {
    let (mut harness, own, other) = held_twice();
    harness.connected(1);
    let mut next = None;
    request(&mut harness, |control| {
        control.remove_subchannel(own);
        control.remove_subchannel(other);
        // Not the indices that were used last, so that the ids of holds and subchannels differ.
        let elsewhere = control.create_subchannel(address(2).into());
        next = Some(control.create_subchannel(address(1).into()));
        control.connect(elsewhere);
    });
    let next = next.expect("a hold");
    assert_eq!(harness.core.subchannels.len(), 2);
    let connections = &harness.snapshot.connections;
    assert_eq!(
        connections.get(next).map(|ready| ready.oldest().connection),
        Some(1)
    );
    assert_eq!(connections.iter().count(), 1);
    assert_eq!(harness.running(), [2]);
}
