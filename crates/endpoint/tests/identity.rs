//! The three equalities of addresses and of endpoints; attributes; how addresses are printed.

use std::net::SocketAddr;
use std::path::Path;

use trunkline_endpoint::{Address, AttributeKey, Attributes, Endpoint, Location, Weight};

/// An attribute that is part of a connection's identity, as the parameters of a handshake are.
struct Handshake;

impl AttributeKey for Handshake {
    type Value = &'static str;
    const NAME: &'static str = "handshake";
    const IDENTIFIES_CONNECTION: bool = true;
}

fn address(port: u16) -> Address {
    SocketAddr::from(([192, 0, 2, 1], port)).into()
}

/// A new server name or identifying attribute needs a new connection; a new weight does not.
#[test]
fn three_equalities_of_addresses() {
    let check = |a: &Address, b: &Address, expected: [bool; 3]| {
        let found = [a.same_location(b), a.same_connection(b), a.same_in_full(b)];
        assert_eq!(found, expected, "{a:?} and {b:?}");
        let reverse = [b.same_location(a), b.same_connection(a), b.same_in_full(a)];
        assert_eq!(reverse, expected, "{b:?} and {a:?}");
    };
    let plain = address(1);
    let with = |attributes: Attributes| plain.clone().with_attributes(attributes);
    let none = Attributes::new();
    check(&plain, &plain.clone(), [true, true, true]);
    check(&plain, &address(2), [false, false, false]);
    check(
        &plain,
        &plain.clone().with_server_name("a"),
        [true, false, false],
    );
    check(
        &plain,
        &with(none.with::<Handshake>("x")),
        [true, false, false],
    );
    check(&plain, &with(none.with::<Weight>(3)), [true, true, false]);
    let (x3, x4) = (
        none.with::<Handshake>("x").with::<Weight>(3),
        none.with::<Weight>(4).with::<Handshake>("x"),
    );
    check(&with(x3.clone()), &with(x4), [true, true, false]);
    check(
        &with(x3.clone()),
        &with(none.with::<Weight>(3).with::<Handshake>("x")),
        [true; 3],
    );
    check(
        &with(x3.clone()),
        &with(x3.without::<Handshake>()),
        [true, false, false],
    );
}

/// The identity of an endpoint is the unordered set of its addresses' locations (gRFC A61).
#[test]
fn three_equalities_of_endpoints() {
    let check = |a: &Endpoint, b: &Endpoint, expected: [bool; 3]| {
        let found = [a.same_addresses(b), a.same_connections(b), a == b];
        assert_eq!(found, expected, "{a} and {b}");
        let reverse = [b.same_addresses(a), b.same_connections(a), b == a];
        assert_eq!(reverse, expected, "{b} and {a}");
    };
    let of = |ports: &[u16]| Endpoint::new(ports.iter().map(|&port| address(port)));
    check(&of(&[1, 2]), &of(&[1, 2]), [true, true, true]);
    check(&of(&[1, 2]), &of(&[2, 1]), [true, false, false]);
    check(&of(&[1, 2]), &of(&[1, 2, 1]), [true, false, false]);
    check(&of(&[1, 2]), &of(&[1]), [false, false, false]);
    check(&of(&[]), &of(&[]), [true, true, true]);
    check(&of(&[]), &of(&[1]), [false, false, false]);
    let heavy = Attributes::new().with::<Weight>(9);
    check(
        &of(&[1]),
        &of(&[1]).with_attributes(heavy),
        [true, true, false],
    );
    let named = Endpoint::new([address(1).with_server_name("a")]);
    check(&of(&[1]), &named, [true, false, false]);
}

/// Endpoints of many addresses are compared as sets too.
#[test]
fn sets_of_many_addresses() {
    let of = |ports: &mut dyn Iterator<Item = u16>| Endpoint::new(ports.map(address));
    let many = of(&mut (1..=100));
    assert!(many.same_addresses(&of(&mut (1..=100).rev())));
    assert!(many.same_addresses(&of(&mut (1..=100).chain(1..=5))));
    assert!(!many.same_addresses(&of(&mut (1..=99))));
    assert!(!many.same_addresses(&of(&mut (2..=101))));
    assert!(of(&mut [1; 20].into_iter()).same_addresses(&of(&mut [1].into_iter())));
}

/// Attributes are compared key by key, by the values' own equality, whatever the order in which
/// they were added.
#[test]
fn attributes() {
    let none = Attributes::new();
    let both = none.with::<Weight>(1).with::<Handshake>("x");
    assert_eq!(both, none.with::<Handshake>("x").with::<Weight>(1));
    assert_ne!(both, none);
    assert_eq!((both.len(), none.len(), none.is_empty()), (2, 0, true));
    let shadowed = both.with::<Weight>(2);
    assert_eq!((shadowed.get::<Weight>(), shadowed.len()), (Some(&2), 2));
    assert_eq!(
        both.get::<Weight>(),
        Some(&1),
        "the earlier set has not changed"
    );
    assert_eq!(both.without::<Weight>().get::<Weight>(), None);
    assert_eq!(both.without::<Weight>().without::<Handshake>(), none);
    assert_eq!(none.without::<Weight>(), none);
    let pairs = [
        ("handshake", "\"x\"".to_owned()),
        ("weight", "1".to_owned()),
    ];
    assert_eq!(both.to_strings(), pairs);
}

/// An address prints as `SocketAddr` does, or with the scheme of its location.
#[test]
fn addresses_are_printed() {
    let printed = |location: Location| Address::new(location).to_string();
    let v6: SocketAddr = "[fe80::1%2]:443".parse().expect("an address");
    assert_eq!(printed(v6.into()), "[fe80::1%2]:443");
    let mapped: SocketAddr = "[::ffff:192.0.2.1]:443".parse().expect("an address");
    assert_eq!(printed(mapped.into()), "192.0.2.1:443");
    assert!(Address::from(mapped).same_connection(&address(443)));
    assert_eq!(printed(Path::new("/tmp/s").into()), "unix:/tmp/s");
    let name: &[u8] = b"a\0b";
    assert_eq!(
        printed(Location::UnixAbstract(name.into())),
        "unix-abstract:a\\x00b"
    );
    let host = |host: &str| Location::Name {
        host: host.into(),
        port: 80,
    };
    assert_eq!(printed(host("orders")), "orders:80");
    assert_eq!(printed(host("::1")), "[::1]:80");
    let endpoint = Endpoint::new([address(1), address(2)]);
    assert_eq!(endpoint.to_string(), "[192.0.2.1:1, 192.0.2.1:2]");
    assert_eq!(Endpoint::default().to_string(), "[]");
}

/// What a location prints is parsed to the same one.
#[test]
fn locations_are_parsed() {
    let check = |location: Location| {
        let text = location.to_string();
        assert_eq!(text.parse(), Ok(location), "{text}");
    };
    for address in ["192.0.2.1:443", "[2001:db8::1]:443", "[fe80::1%2]:443"] {
        let address: SocketAddr = address.parse().expect("an address");
        check(address.into());
    }
    check(Path::new("/tmp/a:b \u{e4}").into());
    let name: Vec<u8> = (0..=255).collect();
    check(Location::UnixAbstract(name.into()));
    let host: Location = "orders.prod:80".parse().expect("a host");
    check(host.clone());
    let (host_name, port) = ("orders.prod".into(), 80);
    let expected = Location::Name {
        host: host_name,
        port,
    };
    assert_eq!(host, expected);
    for bad in [
        "",
        "orders",
        "orders:",
        "orders:65536",
        "unix-abstract:a\\",
        "unix-abstract:\\x0",
        "unix-abstract:\u{e4}",
    ] {
        let parsed: Result<Location, _> = bad.parse();
        assert!(parsed.is_err(), "{bad:?} is {parsed:?}");
    }
}
