//! The core in virtual time: what comes out for what goes in.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::json;
use trunkline_endpoint::Attributes;
use trunkline_lb::{Pick, PickRequest};
use trunkline_resolver::{ResolveError, ResolveErrorKind, ServiceConfigSource};
use trunkline_runtime::PeerAddr;
use trunkline_service_config::{CallConfig, CallInfo, MethodConfig, ServiceConfig};

use super::failure::{ConnectFailureKind, ConnectionLostReason};
use super::*;

const ROUND_ROBIN: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#;

/// A core, the time, and what it asked for.
struct CoreHarness {
    core: Core<u32>,
    now: Instant,
    /// Attempts that run.
    attempts: Vec<(SubchannelId, SocketAddr, Duration)>,
    snapshot: Snapshot<u32>,
    /// Watches that run, with their connections.
    watches: Vec<(WatchId, u32)>,
    has_resolver: bool,
    resolve_now: usize,
    cancelled: usize,
}

impl CoreHarness {
    fn new(default_config: &str) -> Self {
        let policies = PolicyRegistry::standard();
        let config = ServiceConfig::parse(default_config, &policies).expect("a valid config");
        let default_policy =
            PolicyChoice::parse(&json!([{"pick_first": {}}]), &policies).expect("a known policy");
        let options = CoreOptions {
            policies,
            policy_options: PolicyOptions::new(0),
            default_config: Arc::new(config),
            default_policy,
            disable_service_config: false,
            backoff: BackoffPolicy::default(),
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
            has_resolver: false,
            resolve_now: 0,
            cancelled: 0,
        }
    }

    fn settle(&mut self) {
        self.core.settle(self.now);
        self.take_outputs();
        if let Some(snapshot) = self.core.take_snapshot() {
            self.snapshot = snapshot;
        }
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Connect {
                    id,
                    address,
                    deadline,
                } => {
                    let address = address.socket_addr().expect("an IP address");
                    self.attempts.push((id, address, deadline - self.now));
                }
                Output::Cancel(id) => {
                    self.attempts.retain(|(running, ..)| *running != id);
                    self.cancelled += 1;
                }
                Output::Watch { watch, ready, .. } => self.watches.push((watch, ready.connection)),
                Output::Unwatch(watch) => self.watches.retain(|(running, _)| *running != watch),
                Output::StartResolver => self.has_resolver = true,
                Output::StopResolver => self.has_resolver = false,
                Output::ResolveNow => self.resolve_now += 1,
                Output::Observe(_) => {}
            }
        }
    }

    fn resolve(&mut self, resolution: Resolution) -> Verdict {
        let verdict = self.core.handle_resolution(resolution, self.now);
        self.settle();
        verdict
    }

    fn list(&mut self, ports: &[u16]) -> Verdict {
        self.resolve(list(ports))
    }

    /// The attempt at this port succeeds; the connection is called like the port.
    fn connected(&mut self, port: u16) {
        let id = self.end_attempt(port);
        self.core
            .handle_connected(id, u32::from(port), info(port), self.now);
        self.settle();
    }

    fn refused(&mut self, port: u16) {
        let id = self.end_attempt(port);
        self.core.handle_failed(id, refused(port), self.now);
        self.settle();
    }

    fn lost(&mut self, port: u16) {
        self.lose(port, false);
    }

    fn lose(&mut self, port: u16, is_unused: bool) {
        self.lose_by(port, lost(is_unused));
    }

    fn lose_by(&mut self, port: u16, why: ConnectionLost) {
        let mut connections = self.snapshot.connections.iter();
        let slot = connections.find(|slot| slot.connection == u32::from(port));
        let id = slot.expect("a connection").id;
        drop(connections);
        self.core.handle_lost(id, why, self.now);
        self.settle();
    }

    fn attempt_at(&self, port: u16) -> SubchannelId {
        let mut attempts = self.attempts.iter();
        attempts
            .find(|(_, address, _)| address.port() == port)
            .expect("an attempt")
            .0
    }

    fn end_attempt(&mut self, port: u16) -> SubchannelId {
        let mut attempts = self.attempts.iter();
        let at = attempts
            .position(|(_, address, _)| address.port() == port)
            .expect("an attempt");
        self.attempts.remove(at).0
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.core.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn running(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self
            .attempts
            .iter()
            .map(|(_, address, _)| address.port())
            .collect();
        ports.sort_unstable();
        ports
    }

    /// What a call gets: the connection, or why not.
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
                .connection),
            other => Err(other),
        }
    }

    fn picks(&self, calls: usize) -> Vec<u32> {
        let mut picks: Vec<u32> = (0..calls)
            .map(|_| self.pick().expect("a connection"))
            .collect();
        picks.sort_unstable();
        picks
    }

    fn failure(&self) -> String {
        match self.pick() {
            Err(Pick::Fail(status)) => status.message().to_owned(),
            other => panic!("expected a failure, got {other:?}"),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one instant that the virtual time counts from"
)]
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

/// An attempt lasts at least MIN_CONNECT_TIMEOUT, 20 s.
#[test]
fn an_attempt_has_the_standard_deadline() {
    let mut harness = CoreHarness::new("{}");
    assert_eq!(harness.list(&[1]), Verdict::Accepted);
    let [(_, _, deadline)] = harness.attempts[..] else {
        panic!("one attempt")
    };
    assert_eq!(deadline, Duration::from_secs(20));
}

/// Every ready endpoint gets its share under round_robin.
#[test]
fn round_robin_by_the_default_service_config() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2, 3]);
    assert_eq!(harness.running(), [1, 2, 3]);
    for port in [1, 2, 3] {
        harness.connected(port);
    }
    assert_eq!(harness.picks(6), [1, 1, 2, 2, 3, 3]);
}

/// The resolver's service config is used, and changes the policy while calls go on.
#[test]
fn the_resolvers_service_config_changes_the_policy() {
    let mut harness = CoreHarness::new("{}");
    harness.list(&[1, 2]);
    harness.connected(1);
    assert_eq!(harness.picks(2), [1, 1]);
    harness.resolve(list(&[1, 2]).with_service_config(ROUND_ROBIN));
    assert_eq!(
        harness.picks(2),
        [1, 1],
        "the old policy serves while the new one connects"
    );
    harness.connected(1);
    harness.connected(2);
    assert_eq!(harness.picks(4), [1, 1, 2, 2]);
}

/// An invalid service config after a valid one: the valid one stays, the list is used, and the
/// resolver is told to try again. (gRFC A21)
#[test]
fn a_bad_service_config_after_a_good_one_keeps_the_good_one() {
    let mut harness = CoreHarness::new("{}");
    harness.resolve(list(&[1]).with_service_config(ROUND_ROBIN));
    harness.connected(1);
    let verdict =
        harness.resolve(list(&[1, 2]).with_service_config(r#"{"loadBalancingConfig":7}"#));
    assert_eq!(verdict, Verdict::Rejected);
    harness.connected(2);
    assert_eq!(harness.picks(2), [1, 2]);
}

/// An invalid service config before any valid one: calls fail and say why.
#[test]
fn a_bad_first_service_config_fails_calls() {
    let mut harness = CoreHarness::new("{}");
    let verdict = harness.resolve(list(&[1]).with_service_config("{"));
    assert_eq!(verdict, Verdict::Rejected);
    assert!(
        harness.failure().contains("service config is invalid"),
        "{}",
        harness.failure()
    );
    assert!(harness.running().is_empty());
}

/// A name that cannot be resolved fails calls with the resolver's own words, and recovers.
#[test]
fn a_resolver_error_fails_calls_until_there_is_a_list() {
    let mut harness = CoreHarness::new("{}");
    let error = ResolveError::new(ResolveErrorKind::NotFound, "no such name: x.test");
    assert_eq!(
        harness.resolve(Resolution::from_error(error)),
        Verdict::Rejected
    );
    assert!(
        harness.failure().contains("no such name: x.test"),
        "{}",
        harness.failure()
    );
    harness.list(&[1]);
    harness.connected(1);
    assert_eq!(harness.pick(), Ok(1));
}

/// An error of the resolver does not disturb connections that stand.
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

/// A lost connection: its backend gets no calls, the resolver is asked, and it is dialled again.
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

/// Back-off grows from 1 s by 1.6, with jitter of a fifth, and starts over after a success.
#[test]
fn attempts_back_off() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1]);
    for step in 0..12 {
        // A delay counts from the start of the attempt, which is now.
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

/// The application may cut back-offs short.
#[test]
fn reset_backoff_dials_at_once() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1]);
    harness.refused(1);
    assert!(harness.running().is_empty());
    harness.core.reset_backoff(harness.now);
    harness.settle();
    assert_eq!(harness.running(), [1]);
}

/// An address that leaves the list: its attempt is given up, and what it still says is not heard.
#[test]
fn an_address_that_leaves_the_list_is_given_up() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2]);
    let late = harness.attempt_at(1);
    harness.list(&[2]);
    assert_eq!(harness.running(), [2]);
    assert_eq!(harness.cancelled, 1);
    harness.core.handle_connected(late, 1, info(1), harness.now);
    harness.settle();
    harness.connected(2);
    assert_eq!(harness.picks(2), [2, 2]);
}

/// The list with no endpoint at all is refused, so that the resolver tries again.
#[test]
fn an_empty_list_is_rejected() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    assert_eq!(harness.list(&[]), Verdict::Rejected);
    assert!(matches!(harness.pick(), Err(Pick::Fail(_))));
}

/// pick_first tries the second address 250 ms after the first that does not answer, and gives the
/// loser up. (gRFC A61)
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

/// A call that waits can be told what for.
#[test]
fn a_snapshot_tells_what_is_waited_for() {
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
    let id = harness.attempts[0].0;
    harness
        .core
        .handle_progress(id, ConnectPhase::Handshake, harness.now);
    harness.settle();
    assert_eq!(
        harness.snapshot.waiting_for("dns:///x"),
        "waiting for a connection: 127.0.0.1:1: connected, but no HTTP/2 SETTINGS came yet"
    );
}

/// It is not told of an attempt that has ended, whatever the policy makes of the end.
#[test]
fn a_snapshot_tells_of_no_attempt_that_has_ended() {
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

/// A connection that is lost before it answered any call is followed by the next not before a failed
/// attempt would be; calls wait meanwhile, and are told what for. Later, or after a call, the next
/// attempt starts at once.
#[test]
fn a_connection_lost_at_once_is_not_dialled_without_end() {
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
    assert_eq!(harness.running(), [1], "its back-off is over");

    harness.connected(1);
    harness.lose(1, false);
    assert_eq!(harness.running(), [1], "it was of use");

    harness.connected(1);
    harness.lose(1, true);
    assert!(harness.running().is_empty());
    harness.core.reset_backoff(harness.now);
    harness.settle();
    assert_eq!(harness.running(), [1], "the application says so");

    harness.connected(1);
    harness.lose(1, true);
    harness.list(&[2]);
    harness.wait(Duration::from_secs(5));
    assert_eq!(harness.running(), [2], "nobody wants it any more");
}

/// The first connection that a GOAWAY ends unused is followed by the next at once, the second is not.
/// A call that waits is told of the GOAWAY all the while.
#[test]
fn a_goaway_is_excepted_from_the_hold_once() {
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

/// A service config that changes how calls are made, and no policy, holds at once.
#[test]
fn a_new_method_config_is_seen_at_once() {
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

/// Callers see what a batch of events comes to, in one snapshot, and no connection that was lost in
/// it.
#[test]
fn one_snapshot_of_a_batch() {
    let mut harness = CoreHarness::new(ROUND_ROBIN);
    harness.list(&[1, 2, 3]);
    let ids = [1, 2, 3].map(|port| harness.end_attempt(port));
    for (id, port) in ids.into_iter().zip(1..) {
        harness
            .core
            .handle_connected(id, port, info(0), harness.now);
    }
    harness.core.handle_lost(ids[1], lost(false), harness.now);
    let told = |core: &mut Core<u32>| {
        let outputs = std::iter::from_fn(|| core.poll_output());
        let states =
            outputs.filter(|output| matches!(output, Output::Observe(ChannelEvent::State(_))));
        states.count()
    };
    assert_eq!(told(&mut harness.core), 0, "nothing before it settles");
    harness.core.settle(harness.now);
    assert_eq!(told(&mut harness.core), 1);
    harness.settle();
    assert_eq!(harness.picks(4), [1, 1, 3, 3]);
    assert!(harness.core.take_snapshot().is_none());
}

const PICK_FIRST: &str = r#"{"loadBalancingConfig": [{"pick_first": {}}]}"#;

/// One random event, without letting the core settle. Connections are called by their number.
fn random_event(harness: &mut CoreHarness, connected: &mut Vec<SubchannelId>, rng: &mut Rng) {
    match rng.below(16) {
        0..3 if !harness.has_resolver => harness.core.exit_idle(harness.now),
        0 | 1 => {
            let ports: Vec<u16> = (0..rng.below(6)).map(|_| rng.below(8) as u16).collect();
            let config = [PICK_FIRST, ROUND_ROBIN, ROUND_ROBIN][rng.below(3)];
            let resolution = list(&ports).with_service_config(config);
            let verdict = harness.core.handle_resolution(resolution, harness.now);
            assert_eq!(verdict == Verdict::Accepted, !ports.is_empty());
        }
        2 => {
            let kind = [ResolveErrorKind::NotFound, ResolveErrorKind::Unavailable][rng.below(2)];
            let error = ResolveError::new(kind, "no such luck");
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
            // Also of those that the policy has removed meanwhile.
            let id = connected.swap_remove(rng.below(connected.len()));
            let is_unused = rng.below(2) == 0;
            harness.core.handle_lost(id, lost(is_unused), harness.now);
        }
        _ if !harness.attempts.is_empty() => {
            let (id, address, _) = harness.attempts.remove(rng.below(harness.attempts.len()));
            match rng.below(3) {
                0 => harness
                    .core
                    .handle_failed(id, refused(address.port()), harness.now),
                _ => {
                    let port = u32::from(address.port());
                    harness
                        .core
                        .handle_connected(id, port, info(0), harness.now);
                    connected.push(id);
                }
            }
        }
        _ => {}
    }
}

/// An idle channel has no resolver, no attempt and no connection, and keeps no list. The next call
/// makes it leave idleness: the name is resolved again, and calls wait meanwhile.
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
    harness.core.handle_connected(late, 3, info(3), harness.now);
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

/// The service config of a resolver that is gone with idleness is not in force afterwards.
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

/// A resolver may hand over a service config that it has parsed itself.
#[test]
fn a_parsed_service_config_is_used() {
    let mut harness = CoreHarness::new(PICK_FIRST);
    let config = ServiceConfig::parse(ROUND_ROBIN, &PolicyRegistry::standard());
    let mut resolution = list(&[1, 2]);
    resolution.service_config = ServiceConfigSource::Parsed(Arc::new(config.expect("valid")));
    assert_eq!(harness.resolve(resolution), Verdict::Accepted);
    assert_eq!(harness.running(), [1, 2]);
}

/// Chooses a timeout by the path, as routes do.
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

/// A resolution's own config selector chooses the configuration of calls, and its service config
/// the policy. (gRFC A31)
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

/// Whatever happens, in batches of any size: what callers are shown fits together. A connection
/// that is picked is there, and somebody is at work where calls wait.
#[test]
fn snapshots_fit_together() {
    for seed in 0..300 {
        let mut rng = Rng::from_seed(seed);
        let mut harness = CoreHarness::new(ROUND_ROBIN);
        let mut connected = Vec::new();
        for step in 0..200 {
            random_event(&mut harness, &mut connected, &mut rng);
            if rng.below(3) == 0 {
                // An attempt is only known once its output was taken.
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
                        let is_told = !harness.snapshot.pending.is_empty();
                        assert!(is_told || harness.attempts.is_empty(), "{at}");
                    }
                    (state, pick) => panic!("{at}: {state} with {pick:?}"),
                }
            }
        }
    }
}
