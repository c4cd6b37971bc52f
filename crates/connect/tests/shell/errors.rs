//! The texts of errors.

use std::error::Error;
use std::io;

use trunkline_connect::ConnectErrorKind;
use trunkline_connect::io::{SystemLookup, connect, connect_host};

use crate::fake::{Behaviour, Fake, addresses};
use crate::race::options;

use Behaviour::Fails;

const A: &str = "[2001:db8::1]:443";
const B: &str = "192.0.2.1:443";
const C: &str = "192.0.2.2:443";

/// `{}` prints one line, and `{:#}` adds a table of all addresses.
#[test]
fn every_address_is_named() {
    let fake = Fake::new(&[
        (A, Fails(0, io::ErrorKind::NetworkUnreachable)),
        (B, Fails(1_500, io::ErrorKind::ConnectionRefused)),
        (C, Fails(20, io::ErrorKind::TimedOut)),
    ])
    .with_name("example.com", &[A, B, C]);
    let options = options();
    let race = connect_host(&fake, "example.com", 443, &SystemLookup, &options);
    let error = fake.block_on(race).unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::AllFailed);
    let first = "cannot connect to example.com:443: all 3 addresses failed, [2001:db8::1]:443: \
                 network unreachable";
    assert_eq!(error.to_string(), first);
    let table = [
        first,
        "  [2001:db8::1]:443  at     5.000 ms  unreachable  after     0.000 ms: network unreachable",
        "  192.0.2.1:443      at     5.000 ms  refused      after  1500.000 ms: connection refused",
        "  192.0.2.2:443      at   255.000 ms  timed out    after    20.000 ms: timed out",
    ];
    assert_eq!(format!("{error:#}"), table.join("\n"));
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::NetworkUnreachable);
    assert_eq!(
        io::Error::from(error).kind(),
        io::ErrorKind::NetworkUnreachable
    );
}

/// The error for a single address does not count addresses. The error for a list of addresses names
/// no host.
#[test]
fn one_address() {
    let fake = Fake::new(&[(B, Fails(1, io::ErrorKind::ConnectionRefused))]);
    let options = options();
    let error = fake
        .block_on(connect(&fake, addresses(&[B]), &options))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot connect: 192.0.2.1:443: connection refused"
    );
    let error = fake.block_on(connect(&fake, [], &options)).unwrap_err();
    assert_eq!(error.to_string(), "cannot connect: there is no address");
    assert_eq!(error.kind(), ConnectErrorKind::NoAddresses);
    assert!(error.source().is_none());
}

/// At the time limit, the attempts in flight have timed out, and the table has the addresses that
/// were not tried.
#[test]
fn at_the_deadline() {
    let fake = Fake::new(&[]);
    let mut limited = options();
    limited.race.timeout = Some(std::time::Duration::from_millis(300));
    let race = connect(&fake, addresses(&[A, B, C]), &limited);
    let error = fake.block_on(race).unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut);
    let table = [
        "cannot connect: not connected after 0.300 s, 2 addresses tried",
        "  [2001:db8::1]:443  at     0.000 ms  timed out    after   300.000 ms",
        "  192.0.2.1:443      at   250.000 ms  timed out    after    50.000 ms",
        "  192.0.2.2:443      not tried",
    ];
    assert_eq!(format!("{error:#}"), table.join("\n"));
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
}
