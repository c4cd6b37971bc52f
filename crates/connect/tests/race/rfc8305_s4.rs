//! RFC 8305 section 4, sorting addresses: the order of the race, and interleaving.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::virtual_time::{Behaviour, RaceEvent, World};
use trunkline_connect::{
    AddressQuery, Family, KeepOrder, Race, RaceOptions, RaceReport, SourceAddress,
};
use trunkline_endpoint::interleave;

/// Interleaves a list in which the first letter of each item is its family.
#[track_caller]
fn check(first_family_count: usize, sorted: &str, expected: &str) {
    let items: Vec<&str> = sorted.split(' ').filter(|item| !item.is_empty()).collect();
    let family = |item: &&str| match item.as_bytes()[0] {
        b'4' => Family::V4,
        b'6' => Family::V6,
        _ => Family::Other,
    };
    assert_eq!(
        interleave(items, family, first_family_count).join(" "),
        expected
    );
}

/// The families alternate, and the family of the first address goes first.
#[test]
fn families_alternate_from_the_first_in_the_list() {
    check(1, "6a 6b 4a 4b", "6a 4a 6b 4b");
    check(1, "4a 6a 6b 4b", "4a 6a 4b 6b");
    check(1, "4a 4b", "4a 4b");
    check(1, "6a", "6a");
    check(1, "", "");
}

/// Of families of unequal size, no address is lost or doubled (grpc#34804).
#[test]
fn unequal_families() {
    check(1, "6a 4a 4b 4c 4d", "6a 4a 4b 4c 4d");
    check(1, "6a 6b 6c 6d 4a", "6a 4a 6b 6c 6d");
    check(1, "6a 6b 6c 4a 4b", "6a 4a 6b 4b 6c");
}

/// The First Address Family Count is the length of the first turn; 0 makes no sense and counts as
/// 1.
#[test]
fn first_address_family_count() {
    check(2, "6a 6b 6c 4a 4b", "6a 6b 4a 6c 4b");
    check(9, "6a 6b 4a", "6a 6b 4a");
    check(0, "6a 6b 4a", "6a 4a 6b");
}

/// Other families, such as Unix sockets, have their turns too (gRFC A61).
#[test]
fn three_families() {
    check(1, "ua 6a 6b 4a ub 4b", "ua 6a 4a ub 6b 4b");
}

/// An IPv4-mapped IPv6 address is of the family IPv4, whose packets it uses.
#[test]
fn mapped_addresses_are_ipv4() {
    let family = |ip: &str| Family::from(ip.parse::<IpAddr>().unwrap());
    assert_eq!(family("::ffff:192.0.2.1"), Family::V4);
    assert_eq!(family("192.0.2.1"), Family::V4);
    assert_eq!(family("2001:db8::1"), Family::V6);
}

/// The race starts addresses in the order of `interleave`.
#[test]
fn a_race_takes_the_families_in_turn() {
    let all = |list, order| order_of(World::default().options, list, order);
    all("6a 6b 4a 4b", "6a 4a 6b 4b");
    all("4a 4b 6a", "4a 6a 4b");
    let mut options = World::default().options;
    options.first_family_count = 2;
    order_of(options.clone(), "6a 6b 6c 4a 4b", "6a 6b 4a 6c 4b");
    options.interleave = false;
    order_of(options, "6a 6b 4a 4b", "6a 6b 4a 4b");
}

/// The addresses of the family that the user prefers go first, whatever the order of the list.
#[test]
fn the_preferred_family_goes_first() {
    let mut options = World::default().options;
    options.prefer = Some(Family::V4);
    order_of(options.clone(), "6a 6b 4a 4b", "4a 6a 4b 6b");
    options.interleave = false;
    order_of(options, "6a 6b 4a 4b", "4a 4b 6a 6b");
}

/// Addresses that arrive late take the places that they would have had from the start: the late
/// family goes next, and has no second turn in place of the one that it missed.
#[test]
fn late_addresses_take_their_places() {
    let world = World {
        events: &[
            (0, RaceEvent::Answer(AddressQuery::A, "4a 4b 4c")),
            (60, RaceEvent::Answer(AddressQuery::Aaaa, "6a 6b 6c")),
        ],
        ..World::default()
    };
    let started: Vec<String> = started(&world.run(&KeepOrder).1);
    assert_eq!(started.join(" "), "4a 6a 6b 4b 6c 4c");
}

/// Duplicates count once, also when they are written as IPv4-mapped IPv6. A link-local address on
/// two links counts twice.
#[test]
fn duplicates_count_once() {
    let list = [
        "192.0.2.1:443",
        "[::ffff:192.0.2.1]:443",
        "192.0.2.1:443",
        "192.0.2.1:444",
        "[fe80::1%1]:443",
        "[fe80::1%2]:443",
        "[fe80::1%1]:443",
    ];
    let list = list.map(|text| text.parse::<SocketAddr>().unwrap());
    let race = Race::over(list, &KeepOrder, RaceOptions::default(), Instant::now());
    let kept: Vec<SocketAddr> = race.report().untried().collect();
    assert_eq!(kept, [list[0], list[4], list[3], list[5]]);
}

/// Duplicates count once in a long list too.
#[test]
fn duplicates_in_a_long_list_count_once() {
    let list = (0..2_000_u16).map(|n| SocketAddr::from(([192, 0, 2, 1], n % 1_000)));
    let race = Race::over(list, &KeepOrder, RaceOptions::default(), Instant::now());
    let expected = (0..1_000).map(|n| SocketAddr::from(([192, 0, 2, 1], n)));
    assert!(race.report().untried().eq(expected));
}

/// A race sorts its addresses with the probe, and then interleaves the families.
#[test]
fn a_race_sorts_with_its_probe() {
    let host = |to: SocketAddr| {
        let source = match to {
            SocketAddr::V4(_) => "192.0.2.99",
            SocketAddr::V6(v6) if v6.ip().segments()[7] == 0xb => return None,
            SocketAddr::V6(_) => "2001:db8::99",
        };
        Some(SourceAddress::new(source.parse().unwrap()))
    };
    let world = World {
        queries: &[AddressQuery::All],
        events: &[(0, RaceEvent::Answer(AddressQuery::All, "4a 4b 6b 6a"))],
        ..World::default()
    };
    assert_eq!(started(&world.run(&host).1).join(" "), "6a 4a 6b 4b");
}

/// The probe is not asked about a single address, which needs no comparison.
#[test]
fn one_address_is_not_probed() {
    let never = |_: SocketAddr| -> Option<SourceAddress> { panic!("nothing to compare") };
    let world = World {
        events: &[(0, RaceEvent::Answer(AddressQuery::Aaaa, "6a"))],
        behaviours: &[("6a", Behaviour::Works(1))],
        ..World::default()
    };
    assert_eq!(world.run(&never).0, "0 start 6a, 1 won 6a");
}

/// Checks the order in which a race starts a list.
#[track_caller]
fn order_of(options: RaceOptions, list: &str, expected: &str) {
    let world = World {
        options,
        queries: &[AddressQuery::All],
        events: &[(0, RaceEvent::Answer(AddressQuery::All, list))],
        ..World::default()
    };
    assert_eq!(started(&world.run(&KeepOrder).1).join(" "), expected);
}

/// Returns the names of the addresses that were started.
fn started(report: &RaceReport) -> Vec<String> {
    let attempts = report.attempts();
    attempts
        .map(|attempt| crate::virtual_time::name(attempt.address))
        .collect()
}
