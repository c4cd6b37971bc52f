//! What a change of the connector, such as new certificates, does to back-offs.

use super::*;

/// Returns the failure of an attempt at this port, in this phase.
fn failed(port: u16, kind: io::ErrorKind, phase: ConnectPhase) -> ConnectFailure {
    let kind = ConnectFailureKind::Stream(kind);
    ConnectFailure::new(address(port).into(), kind).with_phase(phase)
}

/// The back-offs end of attempts that the connector refused by itself, or that had a stream: they may succeed
/// now, and their next back-off is a first one. A backend that refuses connections is not dialed earlier.
#[test]
fn attempts_that_may_succeed_now_start_at_once() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2, 3, 4]);
    for _ in 0..5 {
        while let Some(attempt) = harness.attempts.pop() {
            let failure = match attempt.address.port() {
                1 => failed(1, io::ErrorKind::InvalidData, ConnectPhase::TlsHandshake),
                2 => failed(2, io::ErrorKind::InvalidInput, ConnectPhase::Dialing),
                3 => {
                    let kind = ConnectFailureKind::Handshake;
                    let failure = ConnectFailure::new(address(3).into(), kind);
                    failure.with_phase(ConnectPhase::Handshake)
                }
                port => refused(port),
            };
            harness.fail(&attempt, failure);
        }
        harness.wait(Duration::from_secs(12));
    }
    while let Some(attempt) = harness.attempts.pop() {
        let failure = match attempt.address.port() {
            4 => refused(4),
            port => failed(port, io::ErrorKind::InvalidData, ConnectPhase::TlsHandshake),
        };
        harness.fail(&attempt, failure);
    }
    harness.settle();
    assert!(harness.running().is_empty());

    harness.core.handle_connector_changed(harness.now);
    harness.settle();
    assert_eq!(harness.running(), [1, 2, 3]);

    harness.core.handle_connector_changed(harness.now);
    harness.settle();
    assert_eq!(
        harness.running(),
        [1, 2, 3],
        "those that run are left alone"
    );

    harness.refused(1);
    harness.wait(Duration::from_millis(1200));
    assert!(harness.running().contains(&1), "a first back-off");
}

/// Fails the attempt at port 1 in its TLS handshake.
fn fail_handshake(harness: &mut CoreHarness) {
    let attempt = harness.end_attempt(1);
    let kind = io::ErrorKind::InvalidData;
    harness.fail(&attempt, failed(1, kind, ConnectPhase::TlsHandshake));
}

/// An attempt that runs at the change may use the old certificates. If it fails for that, it is repeated at once,
/// and the back-off after the next failure is a first one. One that is refused backs off as before.
#[test]
fn attempts_that_run_are_repeated_at_once() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2]);
    for _ in 0..5 {
        fail_handshake(&mut harness);
        harness.refused(2);
        // Not much longer: the back-off counts from the start of an attempt.
        while harness.running() != [1, 2] {
            harness.wait(Duration::from_millis(100));
        }
    }
    harness.core.handle_connector_changed(harness.now);
    harness.settle();
    fail_handshake(&mut harness);
    harness.refused(2);
    harness.wait(Duration::ZERO);
    assert_eq!(harness.running(), [1]);

    fail_handshake(&mut harness);
    harness.wait(Duration::ZERO);
    assert_eq!(harness.running(), [0; 0], "it had the new certificates");
    harness.wait(Duration::from_millis(1200));
    assert_eq!(harness.running(), [1], "a first back-off");
}

/// An attempt that is held back after the loss of an unused connection stays held back, although an earlier one
/// has failed in the handshake: the last one has succeeded.
#[test]
fn a_hold_back_goes_on() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1]);
    fail_handshake(&mut harness);
    harness.wait(Duration::from_millis(1200));
    harness.connected(1);
    harness.lose(1, true);
    assert_eq!(harness.running(), [0; 0]);
    harness.core.handle_connector_changed(harness.now);
    harness.settle();
    assert_eq!(harness.running(), [0; 0]);
    harness.wait(Duration::from_secs(2));
    assert_eq!(harness.running(), [1]);
}
