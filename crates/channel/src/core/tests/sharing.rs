//! Subchannels that several policies hold.

use trunkline_backoff::Rng;

use super::*;
use crate::core::holds::Hold;

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

/// What a cancelled attempt reports late changes nothing of the next one, which another policy has requested.
#[test]
fn a_late_report_of_a_cancelled_attempt_is_ignored() {
    let (mut harness, own, other) = held_twice();
    let late = harness.attempts[0].connection;
    request(&mut harness, |control| control.remove_subchannel(own));
    request(&mut harness, |control| control.connect(other));
    let id = harness.attempt_at(1);
    let (core, now) = (&mut harness.core, harness.now);
    core.handle_progress(id, late, ConnectPhase::Handshake, now);
    core.handle_failed(id, late, refused(1), now);
    core.handle_connected(id, late, 7, info(1), now);
    harness.settle();
    let subchannel = harness.core.subchannels.get(id).expect("a subchannel");
    assert_eq!(subchannel.attempts_failed, 0);
    let phase = match subchannel.stage() {
        Stage::Connecting { phase, .. } => Some(*phase),
        _ => None,
    };
    assert_eq!(phase, Some(ConnectPhase::Dialing));
    harness.connected(1);
    let ready = harness.snapshot.connections.get(other);
    assert_eq!(ready.map(|ready| ready.oldest().connection), Some(1));
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

/// An attempt is not cancelled if one batch of actions removes the hold of its policy and connects another one,
/// in any order.
#[test]
fn an_attempt_goes_on_for_a_policy_that_connects_in_the_same_batch() {
    for removes_first in [true, false] {
        let (mut harness, own, other) = held_twice();
        request(&mut harness, |control| {
            if removes_first {
                control.remove_subchannel(own);
            }
            control.connect(other);
            if !removes_first {
                control.remove_subchannel(own);
            }
        });
        assert_eq!((harness.running(), harness.cancelled), (vec![1], 0));
        let id = harness.attempt_at(1);
        let subchannel = harness.core.subchannels.get(id).expect("a subchannel");
        assert_eq!(subchannel.attempts_started, 1);
    }
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

/// A call that waits for a free stream makes a subchannel connect once more, also if the policy that the call
/// was picked by removes its hold before the channel looks at the call: the calls of the others are in the same
/// line, which has asked.
#[test]
fn the_ask_of_a_line_outlives_the_hold() {
    let (mut harness, own, other) = held_twice();
    harness.connected(1);
    let id = harness.core.subchannels.held(own).expect("a hold");
    let most = std::num::NonZeroU32::new(2);
    request(&mut harness, |control| {
        control.limit_connections(other, most);
        control.remove_subchannel(own);
    });
    harness.looks.clear();
    harness.core.handle_call_waiting(id);
    harness.settle();
    assert_eq!(harness.looks, [id]);
    harness.core.handle_line(id, true, harness.now);
    harness.settle();
    assert_eq!(harness.running(), [1]);
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

/// Policies of any kind, in the place of which the test requests things at random.
struct Policies {
    harness: CoreHarness,
    /// The holds with their ports.
    holds: Vec<(HoldId, u16)>,
    rng: Rng,
}

impl Policies {
    const PORTS: usize = 3;

    fn port(&mut self) -> u16 {
        u16::try_from(1 + self.rng.below(Self::PORTS)).expect("a small number")
    }

    fn create(&mut self, port: u16) {
        let holds = &mut self.holds;
        request(&mut self.harness, |control| {
            holds.push((control.create_subchannel(address(port).into()), port));
        });
    }

    fn hold(&mut self) -> Option<usize> {
        (!self.holds.is_empty()).then(|| self.rng.below(self.holds.len()))
    }

    /// Removes all holds of a port, and creates another one in the same batch, or does not.
    fn remove_all(&mut self, port: u16, creates: bool) {
        let holds = &mut self.holds;
        request(&mut self.harness, |control| {
            holds.retain(|(hold, of)| {
                if *of == port {
                    control.remove_subchannel(*hold);
                }
                *of != port
            });
            if creates {
                holds.push((control.create_subchannel(address(port).into()), port));
            }
        });
    }

    fn step(&mut self) {
        let port = self.port();
        let is_running = self.harness.running().contains(&port);
        let is_connected = self.is_connected(port);
        match self.rng.below(10) {
            0 | 1 => self.create(port),
            2 => {
                if let Some(at) = self.hold() {
                    let (hold, _) = self.holds.swap_remove(at);
                    request(&mut self.harness, |control| control.remove_subchannel(hold));
                }
            }
            3 | 4 => {
                if let Some(at) = self.hold() {
                    let (hold, _) = self.holds[at];
                    request(&mut self.harness, |control| control.connect(hold));
                }
            }
            5 => {
                let creates = self.rng.below(3) > 0;
                self.remove_all(port, creates);
                // What was connected stays so, if the same batch creates it again.
                assert_eq!(self.is_connected(port), is_connected && creates);
            }
            6 | 7 if is_running => self.harness.connected(port),
            8 if is_running => self.harness.refused(port),
            8 if is_connected => {
                let is_unused = self.rng.below(2) == 0;
                self.harness.lose(port, is_unused);
            }
            _ => self.harness.wait(Duration::from_millis(700)),
        }
    }

    fn is_connected(&self, port: u16) -> bool {
        let mut connections = self.harness.snapshot.connections.iter();
        connections.any(|ready| ready.connection == u32::from(port))
    }

    /// Checks that each address has one subchannel, which is what its holds have of it.
    fn check(&self, what: &str) {
        let core = &self.harness.core;
        let ports: std::collections::BTreeSet<u16> = self.holds.iter().map(|own| own.1).collect();
        assert_eq!(core.subchannels.len(), ports.len(), "{what}");
        assert_eq!(
            core.subchannels.holds().ids().len(),
            self.holds.len(),
            "{what}"
        );
        for (hold, port) in &self.holds {
            let id = core.actions.pool().find(&address(*port).into());
            assert_eq!(core.subchannels.held(*hold), id, "{what}");
            let subchannel = id.and_then(|id| core.subchannels.get(id));
            let subchannel = subchannel.expect("a subchannel");
            let shown = self.harness.snapshot.connections.get(*hold);
            let shown = shown.map(|ready| ready.oldest().connection);
            let is_ready = matches!(subchannel.stage(), Stage::Ready { .. });
            assert_eq!(shown, is_ready.then_some(u32::from(*port)), "{what}");
            let is_shown = core.actions.pool().is_ready(&address(*port).into());
            assert_eq!(is_shown, is_ready, "{what}");
            let is_wanted = subchannel.holds.iter().any(Hold::follows);
            let is_connecting = matches!(subchannel.stage(), Stage::Connecting { .. });
            assert_eq!(
                self.harness.running().contains(port),
                is_connecting,
                "{what}"
            );
            assert!(is_wanted || !subchannel.stage().is_pending(), "{what}");
            assert!(is_wanted || !is_ready, "{what}");
        }
        let mut running = self.harness.running();
        running.dedup();
        assert_eq!(running, self.harness.running(), "{what}");
        assert!(running.iter().all(|port| ports.contains(port)), "{what}");
    }
}

/// Whatever policies request and connections do, in any order: an address has one subchannel, at most one attempt,
/// and none that no policy waits for; each hold has its connection; nothing is left when all holds are gone.
#[test]
fn any_order_of_events() {
    for seed in 0..300 {
        let mut policies = Policies {
            harness: CoreHarness::new("{}"),
            holds: Vec::new(),
            rng: Rng::from_seed(seed),
        };
        for step in 0..200 {
            policies.step();
            policies.check(&format!("seed {seed}, step {step}"));
        }
        for port in 1..=3 {
            policies.remove_all(port, false);
        }
        policies.check(&format!("seed {seed}, the end"));
        assert_eq!(policies.harness.core.poll_timeout(), None);
    }
}
