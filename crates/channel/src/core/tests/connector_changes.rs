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
