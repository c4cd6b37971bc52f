//! RFC 8305 section 5: connection attempts.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkline_connect::{
    AddressQuery, AttemptDelay, AttemptStage, ConnectOutcome, KeepOrder, OnFailure, Race,
    RaceOptions, RaceOutput, RoundTrip, SourceAddress, SourceProbe,
};

use crate::virtual_time::{
    Behaviour, REFUSED, RaceEvent, World, check, check_list, check_options, named,
};

use Behaviour::{Fails, Handshake, Works};

fn options() -> RaceOptions {
    World::default().options
}

/// "If the first one has not succeeded, the next is started" one attempt delay later. The attempts
/// in flight go on, and the first success ends the race.
#[test]
fn one_attempt_delay_between_starts() {
    check_list("6a 4a", &[("6a", Works(20))], "0 start 6a, 20 won 6a");
    check_list(
        "6a 4a",
        &[("4a", Works(20))],
        "0 start 6a, 250 start 4a, 270 cancel 6a, 270 won 4a",
    );
    check_list(
        "6a 4a 6b",
        &[("6a", Works(600)), ("4a", Works(1_000))],
        "0 start 6a, 250 start 4a, 500 start 6b, 600 cancel 4a, 600 cancel 6b, 600 won 6a",
    );
}

/// Two addresses of one family race like those of two families.
#[test]
fn one_family_is_raced_too() {
    check_list(
        "4a 4b",
        &[("4b", Works(20))],
        "0 start 4a, 250 start 4b, 270 cancel 4a, 270 won 4b",
    );
}

/// The delay is no time limit: an address that takes longer still connects.
#[test]
fn a_slow_address_is_not_given_up() {
    check_list("4a", &[("4a", Works(350))], "0 start 4a, 350 won 4a");
    check_list(
        "6a 4a",
        &[("6a", Works(350))],
        "0 start 6a, 250 start 4a, 350 cancel 4a, 350 won 6a",
    );
}

/// A failure starts the next attempt at once, and the delay counts from that start.
#[test]
fn a_failure_starts_the_next() {
    check_list(
        "6a 4a 6b",
        &[("6a", Fails(30, REFUSED)), ("6b", Works(10))],
        "0 start 6a, 30 start 4a, 280 start 6b, 290 cancel 4a, 290 won 6b",
    );
}

/// With `OnFailure::Any` the failure of an older attempt starts the next one too; with `Newest` it
/// does not.
#[test]
fn which_failures_start_the_next() {
    let behaviours = &[("6a", Fails(300, REFUSED)), ("6b", Works(1))];
    check_list(
        "6a 4a 6b",
        behaviours,
        "0 start 6a, 250 start 4a, 300 start 6b, 301 cancel 4a, 301 won 6b",
    );
    let mut newest = options();
    newest.on_failure = OnFailure::Newest;
    check_options(
        newest,
        "6a 4a 6b",
        behaviours,
        "0 start 6a, 250 start 4a, 500 start 6b, 501 cancel 4a, 501 won 6b",
    );
}

/// The first address never answers, the second refuses: the refusal starts the third although the
/// first is in flight.
#[test]
fn a_failure_beside_a_black_hole() {
    check_list(
        "4a 4b 4c",
        &[("4b", Fails(1, REFUSED)), ("4c", Works(1))],
        "0 start 4a, 250 start 4b, 251 start 4c, 252 cancel 4a, 252 won 4c",
    );
}

/// Two failures at one instant start two attempts.
#[test]
fn two_failures_at_one_instant() {
    check_list(
        "4a 4b 4c 4d",
        &[
            ("4a", Fails(300, REFUSED)),
            ("4b", Fails(50, REFUSED)),
            ("4d", Works(5)),
        ],
        "0 start 4a, 250 start 4b, 300 start 4c, 300 start 4d, 305 cancel 4c, 305 won 4d",
    );
}

/// Addresses without a route fail before anything is sent, and cost no time.
#[test]
fn attempts_that_fail_at_once() {
    let unreachable = io::ErrorKind::NetworkUnreachable;
    check_list(
        "6a 6b 6c 4a",
        &[
            ("6a", Fails(0, unreachable)),
            ("6b", Fails(0, unreachable)),
            ("6c", Fails(0, unreachable)),
            ("4a", Works(20)),
        ],
        "0 start 6a, 0 start 4a, 20 won 4a",
    );
    check_list(
        "6a 6b",
        &[("6a", Fails(0, unreachable)), ("6b", Fails(0, unreachable))],
        "0 start 6a, 0 start 6b, 0 failed",
    );
}

/// "MUST NOT be started within 10 ms of the previous attempt", with the strict options. An attempt
/// that sent nothing does not count.
#[test]
fn the_least_gap_between_starts() {
    let mut strict = RaceOptions::strict();
    strict.timeout = None;
    check_options(
        strict.clone(),
        "6a 4a 6b",
        &[
            ("6a", Fails(1, REFUSED)),
            ("4a", Fails(1, REFUSED)),
            ("6b", Works(1)),
        ],
        "0 start 6a, 10 start 4a, 20 start 6b, 21 won 6b",
    );
    let unreachable = io::ErrorKind::NetworkUnreachable;
    check_options(
        strict.clone(),
        "6a 4a",
        &[("6a", Fails(0, unreachable)), ("4a", Works(1))],
        "0 start 6a, 0 start 4a, 1 won 4a",
    );
    // A refusal at the instant of the start is an answer of the host, so a packet has left.
    check_options(
        strict,
        "6a 4a 6b",
        &[
            ("6a", Fails(0, REFUSED)),
            ("4a", Fails(0, io::ErrorKind::ConnectionReset)),
            ("6b", Works(1)),
        ],
        "0 start 6a, 10 start 4a, 20 start 6b, 21 won 6b",
    );
    // A gap without end is a mistake, and counts as the delay.
    let mut endless = options();
    endless.min_gap = Duration::MAX;
    check_options(
        endless,
        "6a 4a",
        &[("6a", Fails(1, REFUSED)), ("4a", Works(1))],
        "0 start 6a, 250 start 4a, 251 won 4a",
    );
}

/// At the limit of attempts in flight, a new one cancels the oldest: a few addresses that never
/// answer must not hold up the rest of the list.
#[test]
fn the_cap_cancels_the_oldest() {
    let mut two = options();
    two.max_in_flight = 2;
    check_options(
        two,
        "4a 4b 4c 4d",
        &[("4d", Works(10))],
        "0 start 4a, 250 start 4b, 500 cancel 4a, 500 start 4c, 750 cancel 4b, 750 start 4d, \
         760 cancel 4c, 760 won 4d",
    );
    let mut none = options();
    none.max_in_flight = 0;
    check_options(
        none,
        "4a 4b",
        &[("4b", Works(10))],
        "0 start 4a, 250 cancel 4a, 250 start 4b, 260 won 4b",
    );
}

/// The time limit of one attempt cancels it and starts the next.
#[test]
fn a_limit_for_each_attempt() {
    let mut limited = options();
    limited.attempt_timeout = Some(Duration::from_millis(600));
    check_options(
        limited,
        "4a 4b",
        &[],
        "0 start 4a, 250 start 4b, 600 cancel 4a, 850 cancel 4b, 850 failed",
    );
    // A limit as short as the delay would give up every address that takes longer. It counts as
    // twice the delay.
    let mut slip = options();
    slip.attempt_timeout = Some(Duration::from_millis(250));
    check_options(
        slip,
        "4a 4b",
        &[("4a", Works(400))],
        "0 start 4a, 250 start 4b, 400 cancel 4b, 400 won 4a",
    );
}

/// The whole race has one time limit. A success at that instant still wins.
#[test]
fn one_deadline_for_all() {
    let mut limited = options();
    limited.timeout = Some(Duration::from_millis(300));
    check_options(
        limited.clone(),
        "4a 4b 4c",
        &[],
        "0 start 4a, 250 start 4b, 300 cancel 4a, 300 cancel 4b, 300 failed",
    );
    check_options(
        limited.clone(),
        "4a",
        &[("4a", Works(300))],
        "0 start 4a, 300 won 4a",
    );
    // The limit includes the lookup.
    let world = World {
        options: limited,
        ..World::default()
    };
    check(&world, "300 failed");
}

/// When the race is stopped, every attempt is cancelled once, and later events change nothing.
#[test]
fn aborted() {
    let world = World {
        queries: &[AddressQuery::All],
        events: &[
            (0, RaceEvent::Answer(AddressQuery::All, "4a 4b")),
            (260, RaceEvent::Abort),
            (270, RaceEvent::Answer(AddressQuery::All, "4c")),
        ],
        ..World::default()
    };
    check(
        &world,
        "0 start 4a, 250 start 4b, 260 cancel 4a, 260 cancel 4b, 260 failed",
    );
}

/// When a timeout is handled late, because the process slept, one attempt starts, and not all that
/// would have started in the meantime.
#[test]
fn a_late_timer_starts_one() {
    let began = Instant::now();
    let list = ["4a", "4b", "4c"].map(named);
    let mut race = Race::over(list, &KeepOrder, options(), began);
    assert!(matches!(
        race.poll_output(began),
        Some(RaceOutput::Start { .. })
    ));
    let late = began + Duration::from_secs(60);
    assert!(matches!(
        race.poll_output(late),
        Some(RaceOutput::Start { .. })
    ));
    assert_eq!(race.poll_output(late), None);
    assert_eq!(race.poll_timeout(), Some(late + Duration::from_millis(250)));
}

/// With no address left, the race needs no timeout.
#[test]
fn the_last_attempt_needs_no_timer() {
    let now = Instant::now();
    let mut race = Race::over([named("4a")], &KeepOrder, options(), now);
    assert!(race.poll_output(now).is_some());
    assert_eq!(race.poll_timeout(), None);
}

/// A probe that knows the round-trip time to `6a` only.
struct KnownRoundTrips;

impl SourceProbe for KnownRoundTrips {
    fn source(&self, _destination: SocketAddr) -> Option<SourceAddress> {
        None
    }

    fn round_trip(&self, destination: SocketAddr) -> Option<RoundTrip> {
        // SRTT + 4 RTTVAR = 40 + 4 * 20 = 120 ms.
        (destination == named("6a")).then(|| RoundTrip::new(Duration::from_millis(40)))
    }
}

/// "If the client has historical RTT data [..] it can use this to influence the delay."
#[test]
fn the_delay_may_come_from_history() {
    let mut world = World {
        queries: &[AddressQuery::All],
        events: &[(0, RaceEvent::Answer(AddressQuery::All, "6a 6b 6c"))],
        behaviours: &[("6c", Works(1))],
        ..World::default()
    };
    world.options.dynamic_delay = true;
    assert_eq!(
        world.run(&KnownRoundTrips).0,
        "0 start 6a, 120 start 6b, 370 start 6c, 371 cancel 6a, 371 cancel 6b, 371 won 6c"
    );
}

/// A delay from the history is clamped like any other.
#[test]
fn a_delay_from_history_is_clamped() {
    let delay = |millis| RoundTrip::new(Duration::from_millis(millis)).attempt_delay();
    assert_eq!(delay(1), AttemptDelay::MIN);
    assert_eq!(delay(100).get(), Duration::from_millis(300));
    assert_eq!(delay(10_000), AttemptDelay::MAX);
}

/// When the newest attempt makes progress, the next one waits for as long again as that step took;
/// it never starts earlier because of that (Happy Eyeballs version 3).
#[test]
fn progress_extends_the_wait() {
    check_list(
        "6a 4a",
        &[("6a", Handshake(200, 390))],
        "0 start 6a, 390 won 6a",
    );
    check_list(
        "6a 4a",
        &[("6a", Handshake(10, 5_000)), ("4a", Works(20))],
        "0 start 6a, 250 start 4a, 270 cancel 6a, 270 won 4a",
    );
    check_list(
        "6a 4a",
        &[("6a", Handshake(200, 5_000)), ("4a", Works(20))],
        "0 start 6a, 400 start 4a, 420 cancel 6a, 420 won 4a",
    );
    // Progress of an attempt that is not the newest changes nothing.
    check_list(
        "6a 4a 6b",
        &[("6a", Handshake(400, 5_000)), ("6b", Works(20))],
        "0 start 6a, 250 start 4a, 500 start 6b, 520 cancel 6a, 520 cancel 4a, 520 won 6b",
    );
}

/// The report has every attempt in the order of its start, and the addresses that were not tried.
#[test]
fn the_report() {
    let world = World {
        queries: &[AddressQuery::All],
        events: &[(0, RaceEvent::Answer(AddressQuery::All, "6a 4a 6b 4b"))],
        behaviours: &[
            ("6a", Fails(10, io::ErrorKind::HostUnreachable)),
            ("4a", Handshake(5, 1_000)),
            ("6b", Works(30)),
        ],
        ..World::default()
    };
    let (_, report) = world.run(&KeepOrder);
    let ms = Duration::from_millis;
    let seen: Vec<_> = report
        .attempts()
        .map(|one| {
            (
                one.address,
                one.start,
                one.end.unwrap(),
                one.outcome.unwrap(),
                one.stage,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (
                named("6a"),
                ms(0),
                ms(10),
                ConnectOutcome::Unreachable,
                AttemptStage::Connecting
            ),
            (
                named("4a"),
                ms(10),
                ms(290),
                ConnectOutcome::Cancelled,
                AttemptStage::Handshaking
            ),
            (
                named("6b"),
                ms(260),
                ms(290),
                ConnectOutcome::Connected,
                AttemptStage::Connecting
            ),
        ]
    );
    assert_eq!(report.untried().collect::<Vec<_>>(), [named("4b")]);
    assert_eq!(report.winner(), Some(named("6b")));
    assert_eq!(report.elapsed(), Some(ms(290)));
    let table = report.to_string();
    let expected = [
        "  [2001:db8::a]:443  at     0.000 ms  unreachable  after    10.000 ms: host unreachable",
        "  192.0.2.10:443     at    10.000 ms  cancelled    after   280.000 ms",
        "  [2001:db8::b]:443  at   260.000 ms  connected    after    30.000 ms",
        "  192.0.2.11:443     not tried",
    ];
    assert_eq!(table, expected.join("\n"));
}

/// Each error of the operating system has one word as its outcome.
#[test]
fn outcomes_of_errors() {
    let check = |kind: io::ErrorKind, expected: &str| {
        assert_eq!(ConnectOutcome::of(&kind.into()).to_string(), expected);
    };
    check(io::ErrorKind::ConnectionRefused, "refused");
    check(io::ErrorKind::NetworkUnreachable, "unreachable");
    check(io::ErrorKind::HostUnreachable, "unreachable");
    check(io::ErrorKind::TimedOut, "timed_out");
    check(io::ErrorKind::ConnectionReset, "reset");
    // The errors of a blackhole route and of a link-local address without a scope.
    check(io::ErrorKind::InvalidInput, "failed");
    check(io::ErrorKind::AddrNotAvailable, "failed");
}
