//! When a subchannel gets more than one connection.
//!
//! Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max_concurrent_streams-connection-scaling.md).

use super::*;

/// Up to three connections to each address.
const THREE: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}],
    "connectionScaling": {"maxConnectionsPerSubchannel": 3}}"#;

/// As [`THREE`], with health checks.
const CHECKED: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": "orders"},
    "connectionScaling": {"maxConnectionsPerSubchannel": 3}}"#;

/// The subchannel of a test, at port 1.
struct Grower {
    harness: CoreHarness,
    id: SubchannelId,
}

impl Grower {
    /// Returns a subchannel with one connection, 100.
    fn new(config: &str) -> Self {
        let mut harness = CoreHarness::new(config);
        harness.list(&[1]);
        let id = harness.attempt_at(1);
        let mut grower = Self { harness, id };
        grower.connected(100);
        grower.harness.looks.clear();
        grower
    }

    /// Handles the success of the attempt; the connection is this number.
    fn connected(&mut self, number: u32) {
        let attempt = self.harness.end_attempt(1);
        let (core, now) = (&mut self.harness.core, self.harness.now);
        core.handle_connected(self.id, attempt.connection, number, info(1), now);
        self.harness.settle();
    }

    /// Handles a look at the line that finds calls waiting, and all connections full.
    fn all_are_full(&mut self) {
        let (core, now) = (&mut self.harness.core, self.harness.now);
        core.handle_line(self.id, true, now);
        self.harness.settle();
    }

    /// Handles the loss of the connection with this number.
    fn lost(&mut self, number: u32, is_unused: bool) {
        let mut connections = self.harness.snapshot.connections.iter();
        let connection = connections.find(|ready| ready.connection == number);
        let connection = connection.expect("a connection").connection_id;
        drop(connections);
        let (core, now) = (&mut self.harness.core, self.harness.now);
        core.handle_lost(self.id, connection, lost(is_unused), now);
        self.harness.settle();
    }

    /// Returns the connections, the oldest first.
    fn connections(&self) -> Vec<u32> {
        let connections = self.harness.snapshot.connections.iter();
        connections.map(|ready| ready.connection).collect()
    }

    /// Returns whether an attempt runs.
    fn connects(&self) -> bool {
        !self.harness.attempts.is_empty()
    }

    /// Takes the number of looks at the line that the core asked for.
    fn looks(&mut self) -> usize {
        std::mem::take(&mut self.harness.looks).len()
    }
}

/// An attempt starts only when a call waits and all connections are full, one at a time, up to the
/// maximum. After each success the line is looked at again.
#[test]
fn one_attempt_at_a_time_up_to_the_maximum() {
    let mut grower = Grower::new(THREE);
    let (id, now) = (grower.id, grower.harness.now);
    grower.harness.core.handle_line(id, false, now);
    grower.harness.settle();
    assert!(!grower.connects());
    for number in [101, 102] {
        grower.all_are_full();
        grower.all_are_full();
        assert_eq!((grower.harness.attempts.len(), grower.looks()), (1, 0));
        grower.connected(number);
        assert_eq!(grower.looks(), 1);
    }
    grower.all_are_full();
    assert!(!grower.connects());
    assert_eq!(grower.connections(), [100, 101, 102]);
    assert_eq!(grower.harness.snapshot.state, ConnectivityState::Ready);
}

/// A call that waits causes a look at the line only where one more connection may be added.
#[test]
fn a_call_that_waits_causes_a_look() {
    let mut grower = Grower::new(THREE);
    let ask = |grower: &mut Grower| {
        grower.harness.core.handle_call_waiting(grower.id);
        grower.harness.settle();
        grower.looks()
    };
    assert_eq!(ask(&mut grower), 1);
    grower.all_are_full();
    assert_eq!(ask(&mut grower), 0);
    let mut single = Grower::new(ROUND_ROBIN);
    assert_eq!(ask(&mut single), 0);
    single.all_are_full();
    assert!(!single.connects());
}

/// A failed attempt leaves the subchannel READY. No other starts during the back-off, after which the
/// line is looked at.
#[test]
fn a_back_off_ends_with_a_look() {
    let mut grower = Grower::new(THREE);
    grower.all_are_full();
    grower.harness.refused(1);
    assert_eq!(grower.harness.snapshot.state, ConnectivityState::Ready);
    grower.all_are_full();
    assert_eq!((grower.connects(), grower.looks()), (false, 0));
    grower.harness.wait(Duration::from_millis(1200));
    assert_eq!((grower.connects(), grower.looks()), (false, 1));
    grower.all_are_full();
    assert!(grower.connects());
}

/// The application's request to end all back-offs counts for more connections, too.
#[test]
fn a_back_off_is_ended_by_the_application() {
    let mut grower = Grower::new(THREE);
    grower.all_are_full();
    grower.harness.refused(1);
    grower.harness.core.reset_backoff(grower.harness.now);
    grower.harness.settle();
    assert_eq!(grower.looks(), 1);
    grower.all_are_full();
    assert!(grower.connects());
}

/// After an additional connection that was lost before it answered a call, the next attempt starts no
/// sooner than after a failed one.
#[test]
fn an_unused_connection_holds_the_next_attempt_back() {
    let mut grower = Grower::new(THREE);
    grower.all_are_full();
    grower.connected(101);
    grower.lost(101, true);
    grower.looks();
    grower.all_are_full();
    assert!(!grower.connects());
    grower.harness.wait(Duration::from_millis(1200));
    assert_eq!((grower.connects(), grower.looks()), (false, 1));
    grower.all_are_full();
    assert!(grower.connects());
}

/// The subchannel is READY until its last connection is lost. Then its state is that of its attempt.
#[test]
fn the_last_connection_decides_the_state() {
    let mut grower = Grower::new(THREE);
    for number in [101, 102] {
        grower.all_are_full();
        grower.connected(number);
    }
    grower.lost(101, false);
    assert_eq!(grower.connections(), [100, 102]);
    grower.all_are_full();
    grower.lost(100, false);
    assert_eq!(grower.connections(), [102]);
    assert_eq!(grower.harness.snapshot.state, ConnectivityState::Ready);
    grower.looks();
    grower.lost(102, false);
    assert_eq!((grower.connections(), grower.looks()), (vec![], 1));
    assert_eq!(grower.harness.snapshot.state, ConnectivityState::Connecting);
    // The attempt for one more connection is that for the only one now.
    assert_eq!(grower.harness.attempts.len(), 1);
    grower.connected(103);
    assert_eq!(grower.harness.snapshot.state, ConnectivityState::Ready);
    assert_eq!(grower.connections(), [103]);
}

/// The attempt for one more connection is cancelled with its subchannel, and a loss of a connection
/// that the subchannel does not have any more is ignored.
#[test]
fn the_attempt_ends_with_its_subchannel() {
    let mut grower = Grower::new(THREE);
    grower.all_are_full();
    let late = grower.harness.attempts[0].connection;
    let first = grower.harness.snapshot.connections.iter().next();
    let first = first.expect("a connection").connection_id;
    let verdict = grower
        .harness
        .resolve(list(&[2]).with_service_config(THREE));
    assert_eq!(verdict, Verdict::Accepted);
    assert_eq!(grower.harness.running(), [2]);
    assert_eq!(grower.harness.cancelled, 1);
    let (core, now) = (&mut grower.harness.core, grower.harness.now);
    core.handle_connected(grower.id, late, 101, info(1), now);
    core.handle_lost(grower.id, first, lost(false), now);
    core.handle_line(grower.id, true, now);
    grower.harness.settle();
    assert_eq!(grower.connections(), [0; 0]);
    assert_eq!(grower.harness.running(), [2]);
}

/// A lower maximum closes nothing and adds nothing. A higher one causes a look at the line at once.
#[test]
fn the_maximum_changes() {
    let with = |most: u32| {
        let config = format!(
            r#"{{"loadBalancingConfig": [{{"round_robin": {{}}}}],
                "connectionScaling": {{"maxConnectionsPerSubchannel": {most}}}}}"#
        );
        list(&[1]).with_service_config(config)
    };
    let mut grower = Grower::new(THREE);
    grower.all_are_full();
    grower.connected(101);
    grower.looks();
    grower.harness.resolve(with(1));
    grower.all_are_full();
    assert_eq!((grower.connects(), grower.looks()), (false, 0));
    assert_eq!(grower.connections(), [100, 101]);
    grower.harness.resolve(with(3));
    assert_eq!(grower.looks(), 1);
    grower.all_are_full();
    assert!(grower.connects());
    assert_eq!(grower.harness.snapshot.max_connections, 3);
}

/// A watch runs over the oldest connection. When that is lost it starts again over the next one,
/// without an event; with the last connection it ends.
#[test]
fn watches_move_to_the_oldest_connection_that_is_left() {
    let mut grower = Grower::new(CHECKED);
    grower.all_are_full();
    grower.connected(101);
    let over = |grower: &Grower| -> Vec<u32> {
        let watches = grower.harness.watches.iter();
        watches.map(|(_, connection)| *connection).collect()
    };
    assert_eq!(over(&grower), [100]);
    let watch = grower.harness.watches[0].0;
    // A `HealthCheckResponse` with the status SERVING.
    let serving = WatchEvent::Message(bytes::Bytes::from_static(&[8, 1]));
    let (core, now) = (&mut grower.harness.core, grower.harness.now);
    core.handle_watch(watch, serving, now);
    grower.harness.settle();
    assert_eq!(grower.harness.snapshot.state, ConnectivityState::Ready);
    grower.lost(100, false);
    assert_eq!(over(&grower), [101]);
    assert_eq!(grower.harness.watches[0].0, watch);
    assert_eq!(grower.harness.snapshot.state, ConnectivityState::Ready);
    grower.lost(101, false);
    assert_eq!(over(&grower), [0; 0]);
}
