//! RFC 6724 section 6: destination address selection. The first cases are the examples of its
//! section 10.2.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_connect::{
    KeepOrder, RoundTrip, SourceAddress, SourceProbe, sort_rfc6724, sort_rfc6724_by,
};

/// A host: each destination with the source address that its kernel chooses, and round-trip times.
#[derive(Default)]
struct Host {
    routes: Vec<(SocketAddr, SourceAddress)>,
    round_trips: Vec<(SocketAddr, Duration)>,
}

impl SourceProbe for Host {
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
        let route = self.routes.iter().find(|(to, _)| *to == destination);
        route.map(|(_, source)| *source)
    }

    fn round_trip(&self, destination: SocketAddr) -> Option<RoundTrip> {
        let known = self.round_trips.iter().find(|(to, _)| *to == destination);
        known.map(|(_, sample)| RoundTrip::new(*sample))
    }
}

fn address(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 50051)
}

fn source(ip: &str) -> SourceAddress {
    SourceAddress::new(ip.parse().unwrap())
}

/// Sorts destinations, each with its source; `expected` are indices in that list.
#[track_caller]
fn check(routes: &[(&str, SourceAddress)], expected: &[usize]) {
    let host = Host {
        routes: routes
            .iter()
            .map(|(to, from)| (address(to), *from))
            .collect(),
        ..Host::default()
    };
    check_on(&host, routes, expected);
}

/// Sorts the destinations of `routes` on a host.
#[track_caller]
fn check_on(host: &Host, routes: &[(&str, SourceAddress)], expected: &[usize]) {
    let list: Vec<SocketAddr> = routes.iter().map(|(to, _)| address(to)).collect();
    let expected: Vec<SocketAddr> = expected.iter().map(|&at| list[at]).collect();
    let mut sorted = list;
    sort_rfc6724(&mut sorted, host);
    assert_eq!(sorted, expected);
}

/// Rule 1: avoid unusable destinations. They keep their own order.
#[test]
fn rule_1_destinations_without_a_source_go_last() {
    let host = Host {
        routes: vec![(address("192.0.2.1"), source("192.0.2.9"))],
        ..Host::default()
    };
    let mut sorted = ["2001:db8::2", "2001:db8::1", "192.0.2.1"].map(address);
    sort_rfc6724(&mut sorted, &host);
    assert_eq!(
        sorted,
        ["192.0.2.1", "2001:db8::2", "2001:db8::1"].map(address)
    );
}

/// With a probe that knows no source address, the list keeps its order.
#[test]
fn no_source_at_all_keeps_the_order() {
    let list = ["192.0.2.1", "2001:db8::1", "192.0.2.2"].map(address);
    let mut sorted = list;
    sort_rfc6724(&mut sorted, &KeepOrder);
    assert_eq!(sorted, list);
}

/// Rule 2: prefer matching scope.
#[test]
fn rule_2_matching_scope() {
    check(
        &[
            ("198.51.100.121", source("169.254.13.78")),
            ("2001:db8:1::1", source("2001:db8:1::2")),
        ],
        &[1, 0],
    );
    check(
        &[
            ("2001:db8:1::1", source("fe80::1")),
            ("198.51.100.121", source("198.51.100.117")),
        ],
        &[1, 0],
    );
}

/// Rule 3: avoid deprecated addresses.
#[test]
fn rule_3_deprecated() {
    let mut old = source("2001:db8:1::2");
    old.deprecated = true;
    check(
        &[
            ("2001:db8:1::1", old),
            ("2001:db8:2::1", source("2001:db8:2::2")),
        ],
        &[1, 0],
    );
}

/// Rule 4: prefer home addresses. An address that is both home and care-of is best.
#[test]
fn rule_4_home_addresses() {
    let mobile = |home, care_of| {
        let mut from = source("2001:db8:1::2");
        (from.home, from.care_of) = (home, care_of);
        from
    };
    check(
        &[
            ("2001:db8:1::1", mobile(false, true)),
            ("2001:db8:1::2", mobile(true, false)),
            ("2001:db8:1::3", mobile(true, true)),
        ],
        &[2, 1, 0],
    );
}

/// Rule 5: prefer matching label.
#[test]
fn rule_5_matching_label() {
    check(
        &[
            ("2001:db8:1::1", source("2002:c633:6401::2")),
            ("2002:c633:6401::1", source("2002:c633:6401::2")),
        ],
        &[1, 0],
    );
    // With a unique local source address for a global destination, IPv4 is better.
    check(
        &[
            ("2001:db8:1::1", source("fd00::2")),
            ("198.51.100.1", source("198.51.100.2")),
        ],
        &[1, 0],
    );
}

/// Rule 6: prefer higher precedence. The first list has the whole default table, worst first.
#[test]
fn rule_6_precedence() {
    let own = |ip| (ip, source(ip));
    check(
        &[
            own("3ffe::1"),
            own("fd00::1"),
            own("2001::1"),
            own("2002:c633:6401::1"),
            own("198.51.100.1"),
            own("2001:db8::1"),
        ],
        &[5, 4, 3, 2, 1, 0],
    );
    check(
        &[
            ("10.1.2.3", source("10.1.2.4")),
            ("2001:db8:1::1", source("2001:db8:1::2")),
        ],
        &[1, 0],
    );
    check(
        &[
            ("2002:c633:6401::1", source("2002:c633:6401::2")),
            ("2001:db8:1::1", source("2001:db8:1::2")),
        ],
        &[1, 0],
    );
    check(&[own("127.0.0.1"), own("::1")], &[1, 0]);
}

/// Rule 7: prefer native transport.
#[test]
fn rule_7_native_transport() {
    let mut tunnel = source("2001:db8:1::2");
    tunnel.encapsulated = true;
    check(
        &[
            ("2001:db8:1::1", tunnel),
            ("2001:db8:2::1", source("2001:db8:2::2")),
        ],
        &[1, 0],
    );
}

/// Rule 8: prefer smaller scope.
#[test]
fn rule_8_smaller_scope() {
    check(
        &[
            ("2001:db8:1::1", source("2001:db8:1::2")),
            ("fe80::1", source("fe80::2")),
        ],
        &[1, 0],
    );
}

/// Between rules 8 and 9, addresses with a lower round-trip time go first, and addresses without
/// one last (RFC 8305 section 4).
#[test]
fn between_rules_8_and_9_round_trip_times() {
    let from = source("2001:db8:1::2");
    // Rule 9 alone would keep this order, because the first is on the source's own link.
    let routes = [
        ("2001:db8:1::1", from),
        ("2001:db8:2::1", from),
        ("2001:db8:3::1", from),
        ("2001:db8:2::2", from),
    ];
    let host = Host {
        routes: routes
            .iter()
            .map(|(to, from)| (address(to), *from))
            .collect(),
        round_trips: vec![
            (address("2001:db8:3::1"), Duration::from_millis(80)),
            (address("2001:db8:2::2"), Duration::from_millis(20)),
        ],
    };
    check_on(&host, &routes, &[3, 2, 0, 1]);
}

/// Rule 9: use longest matching prefix, at most the length of the source's own prefix.
#[test]
fn rule_9_longest_matching_prefix() {
    check(
        &[
            ("2001:db8:3ffe::1", source("2001:db8:3f44::2")),
            ("2001:db8:1::1", source("2001:db8:1::2")),
        ],
        &[1, 0],
    );
    // Both are on the link: the interface identifiers do not count.
    check(
        &[
            ("2001:db8:1::f000:0:0:1", source("2001:db8:1::2")),
            ("2001:db8:1::3", source("2001:db8:1::2")),
        ],
        &[0, 1],
    );
}

/// Rule 9 must not undo the rotation of IPv4 addresses by a DNS server.
#[test]
fn rule_9_leaves_ipv4_alone_unless_on_link() {
    let mut from = source("198.51.100.7");
    let routes = |from| {
        [
            ("203.0.113.1", from),
            ("198.51.100.9", from),
            ("192.0.2.1", from),
        ]
    };
    check(&routes(from), &[0, 1, 2]);
    from.prefix_len = Some(24);
    check(&routes(from), &[1, 0, 2]);
}

/// Rule 10: otherwise, leave the order unchanged. An IPv4-mapped address counts as IPv4.
#[test]
fn rule_10_the_order_stays() {
    check(
        &[
            ("198.51.100.2", source("198.51.100.7")),
            ("::ffff:198.51.100.1", source("198.51.100.7")),
            ("198.51.100.3", source("198.51.100.7")),
        ],
        &[0, 1, 2],
    );
}

/// Items are sorted by their addresses, and the probe is not asked about a single item.
#[test]
fn items_are_sorted_by_their_address() {
    let probe = |to: SocketAddr| to.is_ipv4().then(|| source("192.0.2.9"));
    let mut items = vec![("a", address("2001:db8::1")), ("b", address("192.0.2.1"))];
    sort_rfc6724_by(&mut items, |item| item.1, &probe);
    assert_eq!(items[0].0, "b");

    let never = |_: SocketAddr| -> Option<SourceAddress> { panic!("nothing to compare") };
    sort_rfc6724(&mut [address("192.0.2.1")], &never);
}
