//! Bugs of other connectors that a race can have, one test for each.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkline_connect::{
    AddressQuery, ConnectOutcome, KeepOrder, OnFailure, Race, RaceEnd, RaceOutput,
};

use crate::virtual_time::{
    Behaviour, REFUSED, RaceEvent, World, check, check_list, check_options, named,
};

use Behaviour::{Fails, Works};

/// Returns the attempt that the race starts now.
fn start(race: &mut Race, now: Instant) -> trunkline_connect::AttemptId {
    match race.poll_output(now) {
        Some(RaceOutput::Start { id, .. }) => id,
        other => panic!("no start but {other:?}"),
    }
}

/// Starts a race over two addresses.
fn two(now: Instant) -> Race {
    let list = ["6a", "4a"].map(named);
    Race::over(list, &KeepOrder, World::default().options, now)
}

/// Node, robur-coop and others aborted an attempt when the next one started. A server with a round
/// trip longer than the delay could then not be reached.
#[test]
fn node_54359_the_delay_is_no_timeout() {
    check_list(
        "6a 4a",
        &[("6a", Works(300)), ("4a", Works(300))],
        "0 start 6a, 250 start 4a, 300 cancel 4a, 300 won 6a",
    );
}

/// trio started a useless attempt when a success and the timer came at the same time.
#[test]
fn trio_632_a_success_that_ties_with_the_timer() {
    check_list("6a 4a", &[("6a", Works(250))], "0 start 6a, 250 won 6a");
}

/// asyncio leaked the second winner: it must be cancelled, so that its socket is closed.
#[test]
fn aiohappyeyeballs_143_two_winners() {
    let now = Instant::now();
    let mut race = two(now);
    let first = start(&mut race, now);
    let later = now + Duration::from_millis(250);
    let second = start(&mut race, later);
    race.handle_connected(second, later);
    race.handle_connected(first, later);
    assert_eq!(
        race.poll_output(later),
        Some(RaceOutput::Cancel { id: first })
    );
    assert_eq!(
        race.poll_output(later),
        Some(RaceOutput::Ended(RaceEnd::Won(second)))
    );
    assert_eq!(race.poll_output(later), None);
}

/// In grpc-java, a subchannel that had been shut down became READY late, and won.
#[test]
fn grpc_java_12958_a_late_success_of_a_cancelled_attempt() {
    let mut options = World::default().options;
    options.max_in_flight = 1;
    let now = Instant::now();
    let mut race = Race::over(["6a", "4a"].map(named), &KeepOrder, options, now);
    let cancelled = start(&mut race, now);
    let later = now + Duration::from_millis(250);
    assert_eq!(
        race.poll_output(later),
        Some(RaceOutput::Cancel { id: cancelled })
    );
    let second = start(&mut race, later);
    race.handle_connected(cancelled, later);
    race.handle_failure(cancelled, REFUSED.into(), later);
    race.handle_progress(cancelled, later);
    assert_eq!(race.poll_output(later), None);
    race.handle_connected(second, later);
    assert_eq!(
        race.poll_output(later),
        Some(RaceOutput::Ended(RaceEnd::Won(second)))
    );
    let outcomes: Vec<_> = race.report().attempts().map(|one| one.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Some(ConnectOutcome::Cancelled),
            Some(ConnectOutcome::Connected)
        ]
    );
}

/// grpc-java failed when a new list arrived while it was connecting.
#[test]
fn grpc_java_12796_a_new_list_while_connecting() {
    let world = World {
        queries: &[AddressQuery::All],
        events: &[
            (0, RaceEvent::Answer(AddressQuery::All, "6a 6b")),
            (10, RaceEvent::Removed("6a 6b")),
            (10, RaceEvent::Answer(AddressQuery::All, "4a 4b")),
        ],
        behaviours: &[("6a", Fails(20, REFUSED)), ("4b", Works(5))],
        ..World::default()
    };
    check(
        &world,
        "0 start 6a, 20 start 4a, 270 start 4b, 275 cancel 4a, 275 won 4b",
    );
}

/// In C-core, connecting never ended when an address had failed before its turn. Here every address
/// fails, early or late, in every order.
#[test]
fn grpc_38714_never_stuck_whatever_fails_first() {
    for on_failure in [OnFailure::Any, OnFailure::Newest] {
        for first in [0, 1, 249, 250, 251, 600] {
            for second in [0, 1, 249, 250, 251, 600] {
                let mut options = World::default().options;
                options.on_failure = on_failure;
                let world = World {
                    options,
                    queries: &[AddressQuery::All],
                    events: &[(0, RaceEvent::Answer(AddressQuery::All, "4a 4b 4c"))],
                    behaviours: &[
                        ("4a", Fails(first, REFUSED)),
                        ("4b", Fails(second, REFUSED)),
                        ("4c", Fails(1, REFUSED)),
                    ],
                };
                let (log, report) = world.run(&KeepOrder);
                assert!(log.ends_with("failed"), "{first} {second}: {log}");
                assert_eq!(report.attempts().len(), 3);
            }
        }
    }
}

/// In curl, a first family whose addresses all failed at once kept the other family from being
/// tried. Here each family has its turns.
#[test]
fn curl_5089_a_family_that_fails_at_once() {
    check_list(
        "6a 6b 6c 4a 4b",
        &[
            ("6a", Fails(0, REFUSED)),
            ("6b", Fails(0, REFUSED)),
            ("6c", Fails(0, REFUSED)),
            ("4b", Works(7)),
        ],
        "0 start 6a, 0 start 4a, 250 start 6b, 250 start 4b, 257 cancel 4a, 257 won 4b",
    );
}

/// For a list of thousands of addresses, curl did unbounded work. Here, thousands of addresses that
/// fail at once cause neither recursion nor a delay.
#[test]
fn curl_22897_huge_lists() {
    let list = (0..20_000_u32).map(|n| {
        let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
        SocketAddr::from((ip, 443))
    });
    let now = Instant::now();
    let mut race = Race::over(list, &KeepOrder, World::default().options, now);
    let mut started = 0;
    while let Some(output) = race.poll_output(now) {
        match output {
            RaceOutput::Start { id, .. } => {
                started += 1;
                race.handle_failure(id, io::ErrorKind::NetworkUnreachable.into(), now);
            }
            RaceOutput::Cancel { .. } => panic!("nothing was in flight"),
            RaceOutput::Ended(end) => assert_eq!(end, RaceEnd::Exhausted),
        }
    }
    assert_eq!(started, 20_000);
}

/// happyeyeballs (Rust) gave up with the error of IPv4 although IPv6 was still in flight.
#[test]
fn a_failure_does_not_end_what_is_in_flight() {
    check_list(
        "6a 4a",
        &[("6a", Works(900)), ("4a", Fails(1, REFUSED))],
        "0 start 6a, 250 start 4a, 900 won 6a",
    );
}

/// Go and hyper race two families, and try the addresses of one family one after the other: there,
/// one dead A record costs minutes.
#[test]
fn hyper_dead_addresses_of_one_family() {
    check_list(
        "4a 4b 4c 4d",
        &[("4d", Works(1))],
        "0 start 4a, 250 start 4b, 500 start 4c, 750 start 4d, 751 cancel 4a, 751 cancel 4b, \
         751 cancel 4c, 751 won 4d",
    );
}

/// happy-eyeballs (Rust, tokio) waited for the delay after a failure while another attempt was in
/// flight.
#[test]
fn happy_eyeballs_waited_after_a_failure() {
    check_list(
        "6a 4a 6b",
        &[("6a", Fails(300, REFUSED)), ("6b", Works(1))],
        "0 start 6a, 250 start 4a, 300 start 6b, 301 cancel 4a, 301 won 6b",
    );
}

/// In Node, a user's delay of 10 ms was a total outage. Here `AttemptDelay::new` clamps it.
#[test]
fn ccxt_30316_a_delay_of_10_ms() {
    let mut options = World::default().options;
    options.attempt_delay = trunkline_connect::AttemptDelay::new(Duration::from_millis(10));
    check_options(
        options,
        "6a 4a",
        &[("6a", Works(80))],
        "0 start 6a, 80 won 6a",
    );
}

/// The `grpc` crate took every address with a port for IPv6, and so never interleaved the families.
#[test]
fn the_family_of_an_address_with_a_port() {
    check_list(
        "4a 4b 6a",
        &[("6a", Works(1))],
        "0 start 4a, 250 start 6a, 251 cancel 4a, 251 won 6a",
    );
}
