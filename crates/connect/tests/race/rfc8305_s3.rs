//! RFC 8305 section 3, hostname resolution query handling: when the first attempt starts, while
//! answers arrive.

use std::time::Duration;

use crate::virtual_time::{Behaviour, RaceEvent, World, check};
use trunkline_connect::{AddressQuery, Family};

use AddressQuery::{A, Aaaa, All};
use RaceEvent::{Answer, Negative};

const BEHAVIOURS: &[(&str, Behaviour)] =
    &[("6a", Behaviour::Works(20)), ("4a", Behaviour::Works(20))];

/// Runs a race in which both addresses work, with these answers.
#[track_caller]
fn check_answers(events: &[(u64, RaceEvent<'_>)], expected: &str) {
    let world = World {
        events,
        behaviours: BEHAVIOURS,
        ..World::default()
    };
    check(&world, expected);
}

/// "If a positive AAAA response is received first, the first IPv6 connection attempt is
/// immediately started": the race does not wait for the A answer.
#[test]
fn aaaa_alone_starts_at_once() {
    check_answers(&[(10, Answer(Aaaa, "6a"))], "10 start 6a, 30 won 6a");
}

/// "If a positive A response is received first [..], the client SHOULD wait a short time": 50 ms
/// from that answer, not from the query.
#[test]
fn a_alone_waits_for_the_resolution_delay() {
    check_answers(&[(30, Answer(A, "4a"))], "80 start 4a, 100 won 4a");
}

/// "If a positive AAAA response is received within the Resolution Delay period": IPv6 goes first.
#[test]
fn aaaa_within_the_delay_goes_first() {
    check_answers(
        &[(30, Answer(A, "4a")), (79, Answer(Aaaa, "6a"))],
        "79 start 6a, 99 won 6a",
    );
}

/// An answer at the instant at which the delay ends is handled before the end of the delay.
#[test]
fn aaaa_at_the_end_of_the_delay_ties_and_wins() {
    check_answers(
        &[(30, Answer(A, "4a")), (80, Answer(Aaaa, "6a"))],
        "80 start 6a, 100 won 6a",
    );
}

/// "If a negative AAAA response (no error, no data) is received" the wait is over.
#[test]
fn a_negative_aaaa_ends_the_wait() {
    check_answers(
        &[(30, Answer(A, "4a")), (40, Negative(Aaaa))],
        "40 start 4a, 60 won 4a",
    );
    check_answers(
        &[(30, Answer(Aaaa, "")), (40, Answer(A, "4a"))],
        "40 start 4a, 60 won 4a",
    );
}

/// A negative A answer starts no wait: the race goes on waiting for IPv6.
#[test]
fn a_negative_a_changes_nothing() {
    check_answers(
        &[(10, Negative(A)), (500, Answer(Aaaa, "6a"))],
        "500 start 6a, 520 won 6a",
    );
}

/// Two answers at one instant are handled together, without a resolution delay.
#[test]
fn both_at_once() {
    check_answers(
        &[(10, Answer(A, "4a")), (10, Answer(Aaaa, "6a"))],
        "10 start 6a, 30 won 6a",
    );
}

/// The race ends when both answers are negative, and not before.
#[test]
fn no_addresses() {
    check_answers(&[(10, Negative(A)), (20, Negative(Aaaa))], "20 failed");
    check_answers(&[(10, Negative(A))], "");
}

/// "It is possible that new addresses come in while attempts are being made": an answer after the
/// delay is merged, and the attempt in flight goes on.
#[test]
fn a_late_answer_is_merged() {
    let world = World {
        events: &[(0, Answer(A, "4a 4b 4c")), (100, Answer(Aaaa, "6a"))],
        behaviours: &[("6a", Behaviour::Works(20))],
        ..World::default()
    };
    check(
        &world,
        "50 start 4a, 300 start 6a, 320 cancel 4a, 320 won 6a",
    );
}

/// An address that arrives late starts at once when nothing is in flight.
#[test]
fn a_late_answer_revives_the_race() {
    let world = World {
        events: &[(0, Answer(A, "4a")), (400, Answer(Aaaa, "6a"))],
        behaviours: &[
            ("4a", Behaviour::Fails(10, crate::virtual_time::REFUSED)),
            ("6a", Behaviour::Works(20)),
        ],
        ..World::default()
    };
    check(&world, "50 start 4a, 400 start 6a, 420 won 6a");
}

/// One query for all families (getaddrinfo) has no resolution delay.
#[test]
fn one_answer_for_all() {
    let world = World {
        queries: &[All],
        events: &[(10, Answer(All, "4a 6a"))],
        behaviours: BEHAVIOURS,
        ..World::default()
    };
    check(&world, "10 start 4a, 30 won 4a");
}

/// The race waits for the answer about the preferred family.
#[test]
fn the_race_waits_for_the_preferred_family() {
    let mut world = World {
        events: &[(0, Answer(Aaaa, "6a")), (40, Answer(A, "4a"))],
        behaviours: BEHAVIOURS,
        ..World::default()
    };
    world.options.prefer = Some(Family::V4);
    check(&world, "40 start 4a, 60 won 4a");
    world.options.resolution_delay = Duration::from_millis(20);
    check(&world, "20 start 6a, 40 won 6a");
}

/// A removed address that waits is dropped, and one that was started goes on. An address that is
/// added again is tried.
#[test]
fn removed_addresses() {
    let world = World {
        events: &[
            (0, Answer(Aaaa, "6a 6b 6c")),
            (10, RaceEvent::Removed("6a 6b")),
            (300, Answer(Aaaa, "6a 6b")),
            (510, RaceEvent::Abort),
        ],
        ..World::default()
    };
    check(
        &world,
        "0 start 6a, 250 start 6c, 500 start 6b, 510 cancel 6a, 510 cancel 6c, 510 cancel 6b, \
         510 failed",
    );
}
