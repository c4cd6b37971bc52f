//! A race over the addresses of a name.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use trunkline_connect::io::{
    AddressLookup, AddressOrder, Answer, ConnectOptions, SystemLookup, connect_host,
};
use trunkline_connect::{AddressQuery, ConnectErrorKind};
use trunkline_runtime::Runtime;

use crate::fake::{Behaviour, Fake, address, addresses};
use crate::race::options;

const V6: &str = "[2001:db8::1]:443";
const V4: &str = "192.0.2.1:443";

/// A lookup with an answer for each family, after a time in milliseconds. An empty list is an
/// error.
#[derive(Debug)]
struct Scripted {
    fake: Fake,
    aaaa: (u64, Vec<SocketAddr>),
    a: (u64, Vec<SocketAddr>),
}

impl AddressLookup for Scripted {
    fn lookup(
        &self,
        _runtime: &dyn Runtime,
        host: &str,
        _port: u16,
    ) -> Vec<(AddressQuery, Answer)> {
        self.fake.note(format_args!("ask {host}"));
        let answer = |(after, list): &(u64, Vec<SocketAddr>)| {
            let answer = if list.is_empty() {
                Err(io::Error::other("server failure"))
            } else {
                Ok(list.clone())
            };
            self.fake.after(*after, answer)
        };
        vec![
            (AddressQuery::Aaaa, answer(&self.aaaa)),
            (AddressQuery::A, answer(&self.a)),
        ]
    }
}

/// Connects to a name with these answers, and compares the log.
#[track_caller]
fn check(options: &ConnectOptions, aaaa: (u64, &[&str]), a: (u64, &[&str]), expected: &str) {
    let fake = Fake::new(&[(V6, Behaviour::Works(20)), (V4, Behaviour::Works(20))])
        .with_source(V6, "2001:db8::9")
        .with_source(V4, "192.0.2.9");
    let lookup = Scripted {
        fake: fake.clone(),
        aaaa: (aaaa.0, addresses(aaaa.1)),
        a: (a.0, addresses(a.1)),
    };
    let result = fake.block_on(connect_host(&fake, "example.com", 443, &lookup, options));
    fake.note(match &result {
        Ok(connected) => format!("won {}", connected.address),
        Err(error) => format!("{error}"),
    });
    assert_eq!(fake.log(), expected);
}

/// IPv6 addresses are used as soon as they arrive, without waiting for the answer about IPv4.
#[test]
fn ipv6_first() {
    check(
        &options(),
        (10, &[V6]),
        (5_000, &[V4]),
        "0 ask example.com, 10 connect [2001:db8::1]:443, 30 won [2001:db8::1]:443",
    );
}

/// IPv4 addresses wait for the resolution delay, and no longer.
#[test]
fn ipv4_after_the_resolution_delay() {
    check(
        &options(),
        (5_000, &[V6]),
        (10, &[V4]),
        "0 ask example.com, 10 timer 60, 60 connect 192.0.2.1:443, 60 timer off, \
         80 won 192.0.2.1:443",
    );
}

/// A failed query ends the wait, and the race goes on with the other family.
#[test]
fn one_family_fails() {
    check(
        &options(),
        (20, &[]),
        (10, &[V4]),
        "0 ask example.com, 10 timer 60, 20 connect 192.0.2.1:443, 20 timer off, \
         40 won 192.0.2.1:443",
    );
}

/// Answers at one instant are sorted, because this lookup does not sort them. Each address is
/// probed once.
#[test]
fn unsorted_answers_are_sorted() {
    check(
        &options(),
        (10, &[V6]),
        (10, &[V4]),
        "0 ask example.com, 10 source [2001:db8::1]:443, 10 source 192.0.2.1:443, \
         10 connect [2001:db8::1]:443, 10 timer 260, 30 won [2001:db8::1]:443",
    );
    let mut as_given = options();
    as_given.order = AddressOrder::AsGiven;
    check(
        &as_given,
        (10, &[V6]),
        (10, &[V4]),
        "0 ask example.com, 10 connect [2001:db8::1]:443, 10 timer 260, \
         30 won [2001:db8::1]:443",
    );
}

/// The error of a lookup whose queries both fail has the first of their errors.
#[test]
fn the_lookup_fails() {
    check(
        &options(),
        (10, &[]),
        (20, &[]),
        "0 ask example.com, 20 cannot connect to example.com:443: the name cannot be looked up: \
         server failure",
    );
}

/// The time limit includes the lookup.
#[test]
fn the_lookup_hangs() {
    let mut limited = options();
    limited.race.timeout = Some(Duration::from_secs(1));
    check(
        &limited,
        (5_000, &[V6]),
        (5_000, &[V4]),
        "0 ask example.com, 0 timer 1000, 1000 cannot connect to example.com:443: not connected \
         after 1.000 s, waiting for the lookup",
    );
}

/// The system's resolver gives one answer, which is sorted already.
#[test]
fn the_system_lookup() {
    let fake = Fake::new(&[(V4, Behaviour::Works(1))]).with_name("example.com", &[V4, V6]);
    let options = options();
    let race = connect_host(&fake, "example.com", 443, &SystemLookup, &options);
    let connected = fake.block_on(race).unwrap();
    assert_eq!(connected.address, address(V4));
    assert_eq!(
        fake.log(),
        "0 lookup example.com, 5 connect 192.0.2.1:443, 5 timer 255"
    );
}

/// IP addresses are not looked up, with or without brackets. Scope ids are kept.
#[test]
fn literals() {
    for (host, expected) in [
        ("192.0.2.1", "192.0.2.1:443"),
        ("2001:db8::1", "[2001:db8::1]:443"),
        ("[2001:db8::1]", "[2001:db8::1]:443"),
        ("fe80::1%3", "[fe80::1%3]:443"),
    ] {
        let fake = Fake::new(&[(expected, Behaviour::Works(1))]);
        let options = options();
        let race = connect_host(&fake, host, 443, &SystemLookup, &options);
        let connected = fake.block_on(race).unwrap();
        assert_eq!(connected.address, address(expected));
        assert_eq!(fake.log(), format!("0 connect {expected}"));
    }
}

/// Names that are empty, do not exist, or have no address.
#[test]
fn bad_names() {
    let check = |host: &str, expected: &str| {
        let fake = Fake::new(&[]).with_name("empty.example", &[]);
        let options = options();
        let race = connect_host(&fake, host, 443, &SystemLookup, &options);
        let error = fake.block_on(race).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot connect to {host}:443: {expected}")
        );
        error.kind()
    };
    let kind = check("", "the name cannot be looked up: the host name is empty");
    assert_eq!(kind, ConnectErrorKind::Lookup);
    let kind = check(
        "nowhere.example",
        "the name cannot be looked up: no such host",
    );
    assert_eq!(kind, ConnectErrorKind::Lookup);
    let kind = check("empty.example", "there is no address");
    assert_eq!(kind, ConnectErrorKind::NoAddresses);
}
