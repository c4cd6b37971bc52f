//! RFC 8305 section 4: interleaving of the sorted list.

use std::net::IpAddr;

use trunkline_connect::{Family, interleave};

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

/// Whichever family is first in the list is followed by an address of the other family.
#[test]
fn families_alternate_from_the_first_in_the_list() {
    check(1, "6a 6b 4a 4b", "6a 4a 6b 4b");
    check(1, "4a 6a 6b 4b", "4a 6a 4b 6b");
    check(1, "4a 4b", "4a 4b");
    check(1, "6a", "6a");
    check(1, "", "");
}

/// grpc#34804: families of unequal size; nothing is lost or doubled.
#[test]
fn unequal_families() {
    check(1, "6a 4a 4b 4c 4d", "6a 4a 4b 4c 4d");
    check(1, "6a 6b 6c 6d 4a", "6a 4a 6b 6c 6d");
    check(1, "6a 6b 6c 4a 4b", "6a 4a 6b 4b 6c");
}

/// The First Address Family Count is the length of the first turn; zero makes no sense and is one.
#[test]
fn first_address_family_count() {
    check(2, "6a 6b 6c 4a 4b", "6a 6b 4a 6c 4b");
    check(9, "6a 6b 4a", "6a 6b 4a");
    check(0, "6a 6b 4a", "6a 4a 6b");
}

/// gRFC A61: other families (Unix sockets) take their turn too.
#[test]
fn three_families() {
    check(1, "ua 6a 6b 4a ub 4b", "ua 6a 4a ub 6b 4b");
}

/// An IPv4-mapped IPv6 address belongs to IPv4, which is what travels.
#[test]
fn mapped_addresses_are_ipv4() {
    let family = |ip: &str| Family::from(ip.parse::<IpAddr>().unwrap());
    assert_eq!(family("::ffff:192.0.2.1"), Family::V4);
    assert_eq!(family("192.0.2.1"), Family::V4);
    assert_eq!(family("2001:db8::1"), Family::V6);
}
