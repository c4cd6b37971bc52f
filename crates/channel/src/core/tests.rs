//! The core in virtual time: its outputs and snapshots for the events that it handles.

mod connector_changes;
mod scaling;
mod sharing;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::json;
use trunkline_connector::ConnectionInfo;
use trunkline_endpoint::{Attributes, Endpoint};
use trunkline_lb::{Pick, PickRequest};
use trunkline_resolver::{
    RejectionKind, Resolution, ResolveError, ResolveErrorKind, ServiceConfigSource, Verdict,
};
use trunkline_runtime::PeerAddr;
use trunkline_service_config::{CallConfig, CallInfo, MethodConfig, PolicyChoice, ServiceConfig};

use super::failure::{
    ConnectFailure, ConnectFailureKind, ConnectPhase, ConnectionLost, ConnectionLostReason,
};
use super::*;

const ROUND_ROBIN: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#;

const KEEPALIVE_TIME: Duration = Duration::from_secs(30);

/// A core, the current time, and what the core has requested.
struct CoreHarness {
    core: Core<u32>,
    now: Instant,
    /// The attempts that run.
    attempts: Vec<RunningAttempt>,
    snapshot: Snapshot<u32>,
    /// The watches that run, with their connections.
    watches: Vec<(WatchId, u32)>,
    /// The subchannels whose lines are to be looked at.
    looks: Vec<SubchannelId>,
    has_resolver: bool,
    /// The number of requests for a new list.
    resolve_now: usize,
    /// The number of cancelled attempts.
    cancelled: usize,
    /// The keepalive time of the last attempt.
    keepalive_time: Duration,
    /// The keepalive times that were observed.
    raised: Vec<Duration>,
}

/// A connection attempt that runs.
#[derive(Debug)]
struct RunningAttempt {
    id: SubchannelId,
    connection: ConnectionId,
    address: SocketAddr,
    /// The time from start to deadline.
    time: Duration,
}

impl CoreHarness {
    /// Returns a core that has left idleness, with this default service config.
    fn new(default_config: &str) -> Self {
        Self::with(default_config, false)
    }

    /// Returns such a core, which may ignore the service configs of resolvers.
    fn with(default_config: &str, disable_service_config: bool) -> Self {
        let policies = PolicyRegistry::standard();
        let config = ServiceConfig::parse(default_config, &policies).expect("a valid config");
        let default_policy =
            PolicyChoice::parse(&json!([{"pick_first": {}}]), &policies).expect("a known policy");
        let options = CoreOptions {
            policies,
            policy_options: PolicyOptions::new(0),
            default_config: Arc::new(config),
            default_policy: DefaultPolicy {
                plain: default_policy.clone(),
                in_group: default_policy,
            },
            disable_service_config,
            health_checks: HealthChecks::default(),
            disable_retries: false,
            idle_timeout: None,
            backoff: BackoffPolicy::default(),
            keepalive_time: KEEPALIVE_TIME,
            connections_limit: 10,
        };
        let mut core = Core::new(options, 7);
        let now = base();
        core.exit_idle(now);
        Self {
            core,
            now,
            attempts: Vec::new(),
            snapshot: Snapshot::not_started(Arc::<ServiceConfig>::default()),
            watches: Vec::new(),
            looks: Vec::new(),
            has_resolver: false,
            resolve_now: 0,
            cancelled: 0,
            keepalive_time: Duration::ZERO,
            raised: Vec::new(),
        }
    }

    /// Ends a batch of events: carries out the outputs, and stores the new snapshot.
    fn settle(&mut self) {
        self.core.settle(self.now);
        self.take_outputs();
        if let Some(snapshot) = self.core.take_snapshot() {
            self.snapshot = snapshot;
        }
    }

    /// Carries out the outputs of the core, without settling it.
    fn take_outputs(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Connect {
                    id,
                    connection,
                    address,
                    deadline,
                    keepalive_time,
                } => {
                    self.keepalive_time = keepalive_time;
                    let address = address.socket_addr().expect("an IP address");
                    self.attempts.push(RunningAttempt {
                        id,
                        connection,
                        address,
                        time: deadline - self.now,
                    });
                }
                Output::Cancel(id) => {
                    self.attempts.retain(|running| running.id != id);
                    self.cancelled += 1;
                }
                Output::Watch { watch, ready, .. } => self.watches.push((watch, ready.connection)),
                Output::Unwatch(watch) => self.watches.retain(|(running, _)| *running != watch),
                Output::StartResolver => self.has_resolver = true,
                Output::StopResolver => self.has_resolver = false,
                Output::ResolveNow => self.resolve_now += 1,
                Output::Observe(ChannelEvent::KeepaliveRaised { time }) => self.raised.push(time),
                Output::LookAtLine(id) => self.looks.push(id),
                Output::DropLine(id) => self.looks.retain(|look| *look != id),
                Output::WakeLine(_) => {}
                Output::LookAtCalls => panic!("no idle timeout is set"),
                Output::Observe(_) => {}
            }
        }
    }

    /// Handles a resolution.
    fn resolve(&mut self, resolution: Resolution) -> Verdict {
        let verdict = self.core.handle_resolution(resolution, self.now);
        self.settle();
        verdict
    }

    /// Handles a list of one endpoint for each port.
    fn list(&mut self, ports: &[u16]) -> Verdict {
        self.resolve(list(ports))
    }

    /// Handles the success of the attempt at this port; its connection is the port's number.
    fn connected(&mut self, port: u16) {
        let attempt = self.end_attempt(port);
        let (id, connection) = (attempt.id, attempt.connection);
        self.core
            .handle_connected(id, connection, u32::from(port), info(port), self.now);
        self.settle();
    }

    /// Handles the failure of the attempt at this port: connection refused.
    fn refused(&mut self, port: u16) {
        let attempt = self.end_attempt(port);
        self.fail(&attempt, refused(port));
    }

    /// Handles this failure of an attempt.
    fn fail(&mut self, attempt: &RunningAttempt, failure: ConnectFailure) {
        let (id, connection) = (attempt.id, attempt.connection);
        self.core.handle_failed(id, connection, failure, self.now);
        self.settle();
    }

    /// Handles the loss of a connection that has answered a call.
    fn lost(&mut self, port: u16) {
        self.lose(port, false);
    }

    /// Handles the loss of a connection; `is_unused` when it has answered no call.
    fn lose(&mut self, port: u16, is_unused: bool) {
        self.lose_by(port, lost(is_unused));
    }

    /// Handles the loss of a connection for this reason.
    fn lose_by(&mut self, port: u16, why: ConnectionLost) {
        let mut connections = self.snapshot.connections.iter();
        let slot = connections.find(|slot| slot.connection == u32::from(port));
        let slot = slot.expect("a connection");
        let (id, connection) = (slot.id, slot.connection_id);
        drop(connections);
        self.core.handle_lost(id, connection, why, self.now);
        self.settle();
    }

    /// Returns the subchannel whose attempt runs at this port.
    fn attempt_at(&self, port: u16) -> SubchannelId {
        let mut attempts = self.attempts.iter();
        attempts
            .find(|attempt| attempt.address.port() == port)
            .expect("an attempt")
            .id
    }

    /// Removes the attempt at this port, and returns it.
    fn end_attempt(&mut self, port: u16) -> RunningAttempt {
        let mut attempts = self.attempts.iter();
        let at = attempts
            .position(|attempt| attempt.address.port() == port)
            .expect("an attempt");
        self.attempts.remove(at)
    }

    /// Moves the time on, and handles each timeout of the core on the way.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.core.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// Returns the ports of the attempts that run, sorted.
    fn running(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self
            .attempts
            .iter()
            .map(|attempt| attempt.address.port())
            .collect();
        ports.sort_unstable();
        ports
    }

    /// Returns the connection that a call gets, or the pick that gives it none.
    fn pick(&self) -> Result<u32, Pick> {
        let pick = self
            .snapshot
            .picker
            .pick(&PickRequest::new("/s/m", &HeaderMap::new()));
        match pick {
            Pick::Subchannel(id) => Ok(self
                .snapshot
                .connections
                .get(id)
                .expect("a ready connection")
                .oldest()
                .connection),
            other => Err(other),
        }
    }

    /// Returns the connections of `calls` picks, sorted.
    fn picks(&self, calls: usize) -> Vec<u32> {
        let mut picks: Vec<u32> = (0..calls)
            .map(|_| self.pick().expect("a connection"))
            .collect();
        picks.sort_unstable();
        picks
    }

    /// Returns the message of the status with which calls fail.
    fn failure(&self) -> String {
        match self.pick() {
            Err(Pick::Fail(status)) => status.message().to_owned(),
            other => panic!("expected a failure, got {other:?}"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the start of virtual time")]
fn base() -> Instant {
    Instant::now()
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn info(port: u16) -> ConnectionInfo {
    ConnectionInfo::new(PeerAddr::Ip(address(port)))
}

fn refused(port: u16) -> ConnectFailure {
    let kind = ConnectFailureKind::Stream(io::ErrorKind::ConnectionRefused);
    ConnectFailure::new(address(port).into(), kind)
}

fn lost(is_unused: bool) -> ConnectionLost {
    let source = io::Error::other("127.0.0.1:1 closed");
    let reason = ConnectionLostReason::Closed;
    ConnectionLost::new(reason, is_unused, Duration::ZERO, source)
}

/// A server that gets too many PINGs raises the keepalive time of the channel's later connections. The
/// highest time of all servers counts. (gRFC A8)
#[test]
fn too_many_pings_raise_the_keepalive_time() {
    let raised_to = |secs| lost(false).with_raised_keepalive(Some(Duration::from_secs(secs)));
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.resolve(list(&[1, 2]));
    assert_eq!(harness.keepalive_time, KEEPALIVE_TIME);
    harness.connected(1);
    harness.connected(2);
    harness.lose_by(1, raised_to(60));
    assert_eq!(harness.keepalive_time, Duration::from_secs(60));
    // The connection to the other server is from before: its loss raises the time no further.
    harness.lose_by(2, raised_to(60));
    assert_eq!(harness.keepalive_time, Duration::from_secs(60));
    harness.connected(1);
    harness.lose_by(1, raised_to(120));
    assert_eq!(harness.keepalive_time, Duration::from_secs(120));
    assert_eq!(harness.raised, [60, 120].map(Duration::from_secs));
}

/// Returns the loss of a connection that a GOAWAY ended before it answered a call.
fn refused_by_go_away() -> ConnectionLost {
    let source = io::Error::other("127.0.0.1:1 said GOAWAY");
    let reason = ConnectionLostReason::GoAway { code: 11 };
    ConnectionLost::new(reason, true, Duration::ZERO, source)
}

fn list(ports: &[u16]) -> Resolution {
    let endpoints: Vec<_> = ports
        .iter()
        .map(|port| Endpoint::new([address(*port)]))
        .collect();
    Resolution::new(endpoints)
}

/// Checks that this verdict is a rejection of this kind, and that its text contains `text`.
#[track_caller]
fn check_rejection(verdict: &Verdict, kind: RejectionKind, text: &str) {
    let rejection = verdict.rejection().expect("a rejection");
    assert_eq!(rejection.kind(), kind);
    assert!(rejection.to_string().contains(text), "{rejection}");
}

/// An invalid service config beside a list that cannot be used: the verdict names the list, because
/// its loss is what fails calls.
#[test]
fn a_refused_list_goes_before_a_kept_service_config() {
    let mut harness = CoreHarness::new("{}");
    harness.list(&[1]);
    let verdict = harness.resolve(list(&[]).with_service_config("{"));
    check_rejection(
        &verdict,
        RejectionKind::Endpoints,
        "endpoints cannot be used",
    );
}

/// The deadline of an attempt is at least MIN_CONNECT_TIMEOUT, 20 s, after its start.
///
/// Source: [connection back-off](https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).
#[test]
fn an_attempt_has_the_standard_deadline() {
    let mut harness = CoreHarness::new("{}");
    assert_eq!(harness.list(&[1]), Verdict::Accepted);
    let [RunningAttempt { time: deadline, .. }] = harness.attempts[..] else {
        panic!("not one attempt: {:?}", harness.attempts)
    };
    assert_eq!(deadline, Duration::from_secs(20));
}

/// The default service config can choose round_robin, which gives each READY endpoint an equal
/// share.
#[test]
fn the_default_service_config_chooses_the_policy() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2, 3]);
    assert_eq!(harness.running(), [1, 2, 3]);
    for port in [1, 2, 3] {
        harness.connected(port);
    }
    assert_eq!(harness.picks(6), [1, 1, 2, 2, 3, 3]);
}

/// The resolver's service config replaces the policy; the old policy serves calls until the new one
/// is READY.
#[test]
fn the_resolvers_service_config_changes_the_policy() {
    let mut harness = CoreHarness::new("{}");
    harness.list(&[1, 2]);
    harness.connected(1);
    assert_eq!(harness.picks(2), [1, 1]);
    harness.resolve(list(&[2, 3]).with_service_config(ROUND_ROBIN));
    assert_eq!(
        harness.picks(2),
        [1, 1],
        "the old policy serves while the new one connects"
    );
    harness.connected(2);
    assert_eq!(harness.picks(2), [2, 2]);
    harness.connected(3);
    assert_eq!(harness.picks(4), [2, 2, 3, 3]);
}

/// After a valid service config, an invalid one changes nothing: the valid one stays in force, the
/// list is used, and the verdict makes the resolver try again.
///
/// Source: [gRFC A21](https://github.com/grpc/proposal/blob/master/A21-service-config-error-handling.md).
#[test]
fn a_bad_service_config_after_a_good_one_keeps_the_good_one() {
    let mut harness = CoreHarness::new("{}");
    harness.resolve(list(&[1]).with_service_config(ROUND_ROBIN));
    harness.connected(1);
    let verdict =
        harness.resolve(list(&[1, 2]).with_service_config(r#"{"loadBalancingConfig":7}"#));
    check_rejection(
        &verdict,
        RejectionKind::ServiceConfigKept,
        "loadBalancingConfig",
    );
    harness.connected(2);
    assert_eq!(harness.picks(2), [1, 2]);
}

/// Before any valid service config, an invalid one fails calls, and their message names the cause.
#[test]
fn a_bad_first_service_config_fails_calls() {
    let mut harness = CoreHarness::new("{}");
    let verdict = harness.resolve(list(&[1]).with_service_config("{"));
    let text = "service config is invalid";
    check_rejection(&verdict, RejectionKind::ServiceConfigMissing, text);
    assert!(
        harness.failure().contains("service config is invalid"),
        "{}",
        harness.failure()
    );
    assert!(harness.running().is_empty());
}

/// A name that cannot be resolved fails calls with the resolver's message, until there is a list.
#[test]
fn a_resolver_error_fails_calls_until_there_is_a_list() {
    let mut harness = CoreHarness::new("{}");
    let error = ResolveError::new(ResolveErrorKind::NotFound, "no such name: x.test");
    let verdict = harness.resolve(Resolution::from_error(error));
    check_rejection(&verdict, RejectionKind::Failed, "no such name: x.test");
    assert!(
        harness.failure().contains("no such name: x.test"),
        "{}",
        harness.failure()
    );
    harness.list(&[1]);
    harness.connected(1);
    assert_eq!(harness.pick(), Ok(1));
}

/// An error of the resolver does not end READY connections.
#[test]
fn a_resolver_error_keeps_ready_connections() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1]);
    harness.connected(1);
    for kind in [ResolveErrorKind::Unavailable, ResolveErrorKind::NotFound] {
        harness.resolve(Resolution::from_error(ResolveError::new(kind, "gone")));
        assert_eq!(harness.pick(), Ok(1), "{kind:?}");
    }
}

/// After the loss of a connection, its backend receives no calls, the name is resolved again, and a
/// new attempt starts.
#[test]
fn a_lost_connection_is_made_again() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2]);
    harness.connected(1);
    harness.connected(2);
    harness.lost(1);
    assert_eq!(harness.picks(2), [2, 2]);
    assert_eq!(harness.running(), [1]);
    assert!(harness.resolve_now > 0);
    harness.connected(1);
    assert_eq!(harness.picks(2), [1, 2]);
}

/// The delays between attempts grow from 1 s by the factor 1.6 up to 120 s, with a jitter of 20 %,
/// and start from 1 s again after a success.
#[test]
fn attempts_back_off() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1]);
    for step in 0..12 {
        // The delay counts from the start of the attempt, which is now.
        harness.refused(1);
        assert!(
            harness
                .failure()
                .contains("127.0.0.1:1: connection refused")
        );
        let delay = harness.core.poll_timeout().expect("a back-off") - harness.now;
        let expected = 1.6_f64.powi(step).min(120.0);
        let share = delay.as_secs_f64() / expected;
        assert!(
            (0.8..=1.2).contains(&share),
            "{delay:?} instead of {expected} s"
        );
        harness.wait(delay);
        assert_eq!(harness.running(), [1]);
    }
    harness.connected(1);
    harness.lost(1);
    harness.refused(1);
    harness.wait(Duration::from_secs_f64(1.21));
    assert_eq!(harness.running(), [1]);
}

/// `reset_backoff` ends the back-off: the next attempt starts at once.
#[test]
fn reset_backoff_starts_the_next_attempt() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1]);
    harness.refused(1);
    assert!(harness.running().is_empty());
    harness.core.reset_backoff(harness.now);
    harness.settle();
    assert_eq!(harness.running(), [1]);
}

/// When an address leaves the list, its attempt is cancelled, and a late success is ignored.
#[test]
fn an_address_that_leaves_the_list_is_dropped() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2]);
    let late = harness.attempt_at(1);
    harness.list(&[2]);
    assert_eq!(harness.running(), [2]);
    assert_eq!(harness.cancelled, 1);
    harness
        .core
        .handle_connected(late, FIRST, 1, info(1), harness.now);
    harness.settle();
    harness.connected(2);
    assert_eq!(harness.picks(2), [2, 2]);
}

/// An empty list is rejected, so that the resolver tries again, and calls fail.
#[test]
fn an_empty_list_is_rejected() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    let verdict = harness.list(&[]);
    check_rejection(
        &verdict,
        RejectionKind::Endpoints,
        "endpoints cannot be used",
    );
    assert!(matches!(harness.pick(), Err(Pick::Fail(_))));
}

/// pick_first starts an attempt to the second address 250 ms after that to the first, and cancels
/// the other when one succeeds.
///
/// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
#[test]
fn pick_first_staggers_attempts() {
    let mut harness = CoreHarness::new("{}");
    harness.list(&[1, 2]);
    assert_eq!(harness.running(), [1]);
    harness.wait(Duration::from_millis(249));
    assert_eq!(harness.running(), [1]);
    harness.wait(Duration::from_millis(1));
    assert_eq!(harness.running(), [1, 2]);
    harness.connected(2);
    assert_eq!(harness.pick(), Ok(2));
    assert!(harness.running().is_empty());
}

/// A snapshot describes what calls are waiting for: the name, the connection, or the SETTINGS.
#[test]
fn a_snapshot_describes_what_calls_wait_for() {
    let mut harness = CoreHarness::new("{}");
    assert_eq!(
        harness.snapshot.waiting_for("dns:///x"),
        "waiting for dns:///x to be resolved"
    );
    harness.list(&[1]);
    assert_eq!(
        harness.snapshot.waiting_for("dns:///x"),
        "waiting for a connection: 127.0.0.1:1: connecting"
    );
    let (id, connection) = (harness.attempts[0].id, harness.attempts[0].connection);
    harness
        .core
        .handle_progress(id, connection, ConnectPhase::Handshake, harness.now);
    harness.settle();
    assert_eq!(
        harness.snapshot.waiting_for("dns:///x"),
        "waiting for a connection: 127.0.0.1:1: connected, but no HTTP/2 SETTINGS came yet"
    );
}

/// The description names no attempt that has ended, under any policy.
#[test]
fn a_snapshot_describes_no_attempt_that_has_ended() {
    let only_2 = "waiting for a connection: 127.0.0.1:2: connecting";
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2]);
    harness.refused(1);
    assert_eq!(harness.snapshot.waiting_for("dns:///x"), only_2);

    let mut harness = CoreHarness::new("{}");
    harness.list(&[1, 2]);
    harness.wait(Duration::from_millis(250));
    harness.refused(1);
    assert_eq!(harness.snapshot.waiting_for("dns:///x"), only_2);
}

/// After a connection that was lost before it answered a call, the next attempt starts no sooner
/// than after a failed attempt. Calls wait meanwhile, and the snapshot describes why. When the
/// connection lasted longer than that back-off, or has answered a call, the next attempt starts at
/// once.
#[test]
fn an_attempt_after_an_unused_connection_is_held_back() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1]);
    harness.connected(1);
    harness.lose(1, true);
    assert!(harness.running().is_empty());
    assert_eq!(harness.pick(), Err(Pick::Queue));
    let text = harness.snapshot.waiting_for("dns:///x");
    assert!(text.contains("127.0.0.1:1: lost before it"), "{text}");
    assert!(text.contains("127.0.0.1:1 closed"), "{text}");
    harness.wait(Duration::from_millis(1200));
    assert_eq!(harness.running(), [1]);

    harness.wait(Duration::from_millis(100));
    harness.connected(1);
    harness.wait(Duration::from_millis(1200));
    harness.lose(1, true);
    assert_eq!(harness.running(), [1], "the back-off has ended");

    harness.connected(1);
    harness.lose(1, false);
    assert_eq!(harness.running(), [1], "the connection has answered a call");

    harness.connected(1);
    harness.lose(1, true);
    assert!(harness.running().is_empty());
    harness.core.reset_backoff(harness.now);
    harness.settle();
    assert_eq!(harness.running(), [1], "the application ended the back-off");

    harness.connected(1);
    harness.lose(1, true);
    harness.list(&[2]);
    harness.wait(Duration::from_secs(5));
    assert_eq!(
        harness.running(),
        [2],
        "the held-back subchannel was removed"
    );
}

/// After the first unused connection that a GOAWAY ended, the next attempt starts at once; after
/// the second in a row, it is held back. The snapshot describes the GOAWAY all the while.
#[test]
fn the_attempt_after_a_first_goaway_is_not_held_back() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1]);
    for _ in 0..2 {
        harness.connected(1);
        harness.lose_by(1, refused_by_go_away());
        assert_eq!(harness.running(), [1]);
        let text = harness.snapshot.waiting_for("dns:///x");
        assert!(
            text.contains("connecting; the last connection: 127.0.0.1:1 said GOAWAY"),
            "{text}"
        );

        harness.connected(1);
        harness.lose_by(1, refused_by_go_away());
        assert!(harness.running().is_empty());
        let text = harness.snapshot.waiting_for("dns:///x");
        assert!(
            text.contains("any call (127.0.0.1:1 said GOAWAY), waiting"),
            "{text}"
        );

        harness.wait(Duration::from_millis(1200));
        harness.connected(1);
        harness.lose(1, false);
        assert_eq!(harness.running(), [1]);
    }
}

/// A service config that changes the configuration of methods, but not the policy, is in the next
/// snapshot.
#[test]
fn a_new_method_config_is_published_at_once() {
    let mut harness = CoreHarness::new("{}");
    harness.list(&[1]);
    harness.connected(1);
    let json = r#"{"methodConfig":[{"name":[{}],"timeout":"3s"}]}"#;
    harness.resolve(list(&[1]).with_service_config(json));
    let (metadata, attributes) = (HeaderMap::new(), Attributes::new());
    let call = CallInfo::new("/s/m", &metadata, &attributes);
    let selected = harness.snapshot.selector.select(&call);
    let method = selected.expect("a config").method;
    assert_eq!(
        method.expect("a method config").timeout,
        Some(Duration::from_secs(3))
    );
}

/// A service config with the same values, whatever its text, changes nothing: the observer is
/// notified of the list and its acceptance alone, and health checks go on.
#[test]
fn an_unchanged_service_config_changes_nothing() {
    let config = r#"{"loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [{"name": [{}], "timeout": "3s"}], "healthCheckConfig": {"serviceName": "a"}}"#;
    let mut harness = CoreHarness::new("{}");
    harness.resolve(list(&[1]).with_service_config(config));
    harness.connected(1);
    assert_eq!(harness.watches.len(), 1);
    let before = Arc::clone(harness.core.config.current());
    let texts = [
        config.to_owned(),
        config.replace([' ', '\n'], ""),
        config.replace("3s", "3.000s"),
    ];
    for text in texts {
        let again = list(&[1]).with_service_config(text.clone());
        let verdict = harness.core.handle_resolution(again, harness.now);
        assert!(matches!(verdict, Verdict::Accepted), "{text}");
        harness.core.settle(harness.now);
        let outputs: Vec<_> = std::iter::from_fn(|| harness.core.poll_output()).collect();
        let is_expected = matches!(
            outputs[..],
            [
                Output::Observe(ChannelEvent::Endpoints(_)),
                Output::Observe(ChannelEvent::ResolutionAccepted { .. }),
            ]
        );
        assert!(is_expected, "{text}: {outputs:?}");
        assert!(Arc::ptr_eq(&before, harness.core.config.current()));
    }
}

/// A batch of events makes one snapshot, which has no connection that was lost within the batch.
#[test]
fn a_batch_makes_one_snapshot() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2, 3]);
    let attempts = [1, 2, 3].map(|port| harness.end_attempt(port));
    let ids = attempts.map(|attempt| (attempt.id, attempt.connection));
    for ((id, connection), port) in ids.into_iter().zip(1..) {
        harness
            .core
            .handle_connected(id, connection, port, info(0), harness.now);
    }
    let (id, connection) = ids[1];
    harness
        .core
        .handle_lost(id, connection, lost(false), harness.now);
    let observed_states = |core: &mut Core<u32>| {
        let outputs = std::iter::from_fn(|| core.poll_output());
        let states =
            outputs.filter(|output| matches!(output, Output::Observe(ChannelEvent::State(_))));
        states.count()
    };
    assert_eq!(
        observed_states(&mut harness.core),
        0,
        "no state before the core settles"
    );
    harness.core.settle(harness.now);
    assert_eq!(observed_states(&mut harness.core), 1);
    harness.settle();
    assert_eq!(harness.picks(4), [1, 1, 3, 3]);
    assert!(harness.core.take_snapshot().is_none());
}

const PICK_FIRST: &str = r#"{"loadBalancingConfig": [{"pick_first": {}}]}"#;

/// Several connections to each address.
const SCALING: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}],
    "connectionScaling": {"maxConnectionsPerSubchannel": 3}}"#;

/// The id of a connection whose subchannel was removed.
const FIRST: ConnectionId = ConnectionId::START;

/// Makes the core handle one random event, without settling it. A connection is the number of its
/// port.
fn random_event(
    harness: &mut CoreHarness,
    connected: &mut Vec<(SubchannelId, ConnectionId)>,
    rng: &mut Rng,
) {
    match rng.below(16) {
        0..3 if !harness.has_resolver => harness.core.exit_idle(harness.now),
        0 | 1 => {
            let ports: Vec<u16> = (0..rng.below(6)).map(|_| rng.below(8) as u16).collect();
            let config = [PICK_FIRST, ROUND_ROBIN, SCALING][rng.below(3)];
            let resolution = list(&ports).with_service_config(config);
            let verdict = harness.core.handle_resolution(resolution, harness.now);
            assert_eq!(verdict == Verdict::Accepted, !ports.is_empty());
        }
        2 => {
            let kind = [ResolveErrorKind::NotFound, ResolveErrorKind::Unavailable][rng.below(2)];
            let error = ResolveError::new(kind, "a scripted failure");
            harness
                .core
                .handle_resolution(Resolution::from_error(error), harness.now);
        }
        3 => harness.core.exit_idle(harness.now),
        4 => harness.core.reset_backoff(harness.now),
        5 => {
            harness.now += Duration::from_millis(rng.below(3_000) as u64);
            harness.core.handle_timeout(harness.now);
        }
        6 if rng.below(8) == 0 => harness.core.enter_idle(harness.now),
        6..9 if !connected.is_empty() => {
            // The policy may have removed the subchannel of this connection.
            let (id, connection) = connected.swap_remove(rng.below(connected.len()));
            let is_unused = rng.below(2) == 0;
            harness
                .core
                .handle_lost(id, connection, lost(is_unused), harness.now);
        }
        9 | 10 if !connected.is_empty() => {
            // Calls wait for a free stream on this subchannel.
            let (id, _) = connected[rng.below(connected.len())];
            harness.core.handle_line(id, true, harness.now);
        }
        _ if !harness.attempts.is_empty() => {
            let attempt = harness.attempts.remove(rng.below(harness.attempts.len()));
            let (id, connection, address) = (attempt.id, attempt.connection, attempt.address);
            match rng.below(3) {
                0 => {
                    let failure = refused(address.port());
                    harness
                        .core
                        .handle_failed(id, connection, failure, harness.now);
                }
                _ => {
                    let port = u32::from(address.port());
                    harness
                        .core
                        .handle_connected(id, connection, port, info(0), harness.now);
                    connected.push((id, connection));
                }
            }
        }
        _ => {}
    }
}

/// An idle channel has no resolver, attempt, connection or list. When it leaves idleness, the name
/// is resolved again, and calls wait meanwhile.
#[test]
fn an_idle_channel_starts_again() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2, 3]);
    assert!(harness.has_resolver);
    harness.connected(1);
    harness.refused(2);
    let late = harness.attempt_at(3);

    harness.core.enter_idle(harness.now);
    harness.settle();
    assert!(!harness.has_resolver);
    assert!(harness.running().is_empty());
    assert_eq!(harness.snapshot.state, ConnectivityState::Idle);
    assert_eq!(harness.pick(), Err(Pick::ExitIdle));
    assert_eq!(harness.snapshot.connections.iter().count(), 0);
    assert_eq!(harness.core.poll_timeout(), None);
    harness
        .core
        .handle_connected(late, FIRST, 3, info(3), harness.now);
    harness.settle();
    assert_eq!(
        harness.pick(),
        Err(Pick::ExitIdle),
        "a late connection is dropped"
    );

    harness.core.exit_idle(harness.now);
    harness.settle();
    assert!(harness.has_resolver);
    assert_eq!(harness.pick(), Err(Pick::Queue));
    assert!(!harness.snapshot.is_resolved);
    harness.list(&[2]);
    harness.connected(2);
    assert_eq!(harness.picks(2), [2, 2]);
}

/// After idleness, the service config of the resolver before it is no longer in force.
#[test]
fn an_idle_channel_forgets_the_resolvers_service_config() {
    let mut harness = CoreHarness::new(PICK_FIRST);
    harness.resolve(list(&[1, 2]).with_service_config(ROUND_ROBIN));
    assert_eq!(harness.running(), [1, 2]);
    harness.core.enter_idle(harness.now);
    harness.core.exit_idle(harness.now);
    harness.list(&[1, 2]);
    assert_eq!(harness.running(), [1], "pick_first, by the default config");
}

/// A service config that the resolver has parsed itself is used.
#[test]
fn a_parsed_service_config_is_used() {
    let mut harness = CoreHarness::new(PICK_FIRST);
    let config = ServiceConfig::parse(ROUND_ROBIN, &PolicyRegistry::standard());
    let mut resolution = list(&[1, 2]);
    resolution.service_config = ServiceConfigSource::Parsed(Arc::new(config.expect("valid")));
    assert_eq!(harness.resolve(resolution), Verdict::Accepted);
    assert_eq!(harness.running(), [1, 2]);
}

/// A config selector that has a method config for one path, and no route for any other.
#[derive(Debug)]
struct Routes(MethodConfig);

impl ConfigSelector for Routes {
    fn select<'a>(&'a self, call: &CallInfo<'_>) -> Result<CallConfig<'a>, Status> {
        if call.path == "/s/m" {
            Ok(CallConfig::new(Some(&self.0)))
        } else {
            Err(Status::unavailable("no route"))
        }
    }
}

/// The config selector of a resolution chooses the configuration of calls; its service config still
/// chooses the policy.
///
/// Source: [gRFC A31](https://github.com/grpc/proposal/blob/master/A31-xds-timeout-support-and-config-selector.md).
#[test]
fn a_config_selector_replaces_the_service_config_for_calls() {
    let mut method = MethodConfig::default();
    method.timeout = Some(Duration::from_secs(7));
    let mut harness = CoreHarness::new(PICK_FIRST);
    let resolution = list(&[1, 2]).with_service_config(ROUND_ROBIN);
    harness.resolve(resolution.with_config_selector(Arc::new(Routes(method))));
    assert_eq!(harness.running(), [1, 2]);
    let (metadata, attributes) = (HeaderMap::new(), Attributes::new());
    let call = |path| CallInfo::new(path, &metadata, &attributes);
    let selector = &harness.snapshot.selector;
    let selected = selector.select(&call("/s/m")).expect("a route");
    let timeout = selected.method.and_then(|method| method.timeout);
    assert_eq!(timeout, Some(Duration::from_secs(7)));
    assert!(selector.select(&call("/s/other")).is_err());
}

/// The service config of a resolver is ignored if the channel wants none, but not that of a resolver
/// that routes calls: it has the policies of the routes.
#[test]
fn service_configs_that_are_ignored() {
    let found = || list(&[1, 2]).with_service_config(ROUND_ROBIN);
    let mut harness = CoreHarness::with(PICK_FIRST, true);
    harness.resolve(found());
    assert_eq!(harness.running(), [1]);
    let mut harness = CoreHarness::with(PICK_FIRST, true);
    harness.resolve(found().with_config_selector(Arc::new(Routes(MethodConfig::default()))));
    assert_eq!(harness.running(), [1, 2]);
}

/// After batches of any events, a snapshot is consistent: its picker fits its state, a subchannel
/// that is picked has a connection, and while calls are queued the core waits for an attempt, a
/// timeout or a list.
#[test]
fn snapshots_are_consistent() {
    for seed in 0..300 {
        let mut rng = Rng::from_seed(seed);
        let mut harness = CoreHarness::new(ROUND_ROBIN);
        let mut connected = Vec::new();
        for step in 0..200 {
            random_event(&mut harness, &mut connected, &mut rng);
            if rng.below(3) == 0 {
                // The harness learns of an attempt only from its output.
                harness.take_outputs();
                continue;
            }
            harness.settle();
            let at = format!("seed {seed}, step {step}");
            for _ in 0..4 {
                match (harness.snapshot.state, harness.pick()) {
                    (ConnectivityState::Ready, Ok(_)) => {}
                    (ConnectivityState::Idle, Err(Pick::ExitIdle)) => {}
                    (ConnectivityState::TransientFailure, Err(Pick::Fail(_))) => {}
                    (ConnectivityState::Connecting, Err(Pick::Queue)) => {
                        let is_at_work = !harness.attempts.is_empty()
                            || harness.core.poll_timeout().is_some()
                            || !harness.core.has_list;
                        assert!(is_at_work, "{at}: {:?}", harness.core);
                        let is_described = !harness.snapshot.pending.is_empty();
                        assert!(is_described || harness.attempts.is_empty(), "{at}");
                    }
                    (state, pick) => panic!("{at}: {state} with {pick:?}"),
                }
            }
        }
    }
}
