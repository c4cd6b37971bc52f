//! A race over a list of addresses.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use trunkline_connect::RttHistory;
use trunkline_connect::io::{AddressOrder, ConnectOptions, connect};
use trunkline_runtime::{Lock, Runtime};

use crate::fake::{Behaviour, Fake, address, addresses};

use Behaviour::{Fails, Works};

const A: &str = "[2001:db8::1]:443";
const B: &str = "192.0.2.1:443";
const C: &str = "192.0.2.2:443";

/// Returns options without a time limit, whose timer would be in every log.
pub(crate) fn options() -> ConnectOptions {
    let mut options = ConnectOptions::default();
    options.race.timeout = None;
    options
}

/// Races a list, and compares the log.
#[track_caller]
fn check(
    options: &ConnectOptions,
    list: &[&str],
    behaviours: &[(&str, Behaviour)],
    expected: &str,
) {
    let fake = Fake::new(behaviours);
    let result = fake.block_on(connect(&fake, addresses(list), options));
    fake.note(match &result {
        Ok(connected) => format!("won {}", connected.address),
        Err(_) => "failed".to_owned(),
    });
    assert_eq!(fake.log(), expected);
}

/// A healthy race makes one connection and, because there is a second address, sets one timer.
#[test]
fn a_healthy_race() {
    check(
        &options(),
        &[A, B],
        &[(A, Works(20))],
        "0 connect [2001:db8::1]:443, 0 timer 250, 20 won [2001:db8::1]:443",
    );
}

/// The timer is set only while an address is left to try.
#[test]
fn the_last_address_needs_no_timer() {
    check(
        &options(),
        &[B],
        &[(B, Works(900))],
        "0 connect 192.0.2.1:443, 900 won 192.0.2.1:443",
    );
    check(
        &options(),
        &[A, B],
        &[
            (A, Fails(0, io::ErrorKind::NetworkUnreachable)),
            (B, Works(1)),
        ],
        "0 connect [2001:db8::1]:443, 0 connect 192.0.2.1:443, 1 won 192.0.2.1:443",
    );
}

/// A connection that is established at once needs no timer either.
#[test]
fn connected_at_once() {
    check(
        &options(),
        &[A, B],
        &[(A, Works(0))],
        "0 connect [2001:db8::1]:443, 0 won [2001:db8::1]:443",
    );
}

/// When the first address does not answer, the second starts after the delay. When it wins, the
/// first is given up.
#[test]
fn the_first_address_is_silent() {
    check(
        &options(),
        &[A, B],
        &[(B, Works(20))],
        "0 connect [2001:db8::1]:443, 0 timer 250, 250 connect 192.0.2.1:443, 250 timer off, \
         270 give up [2001:db8::1]:443, 270 won 192.0.2.1:443",
    );
}

/// After a refusal the next address starts at once, and the same timer is set again.
#[test]
fn the_first_address_refuses() {
    check(
        &options(),
        &[A, B, C],
        &[
            (A, Fails(20, io::ErrorKind::ConnectionRefused)),
            (B, Works(20)),
        ],
        "0 connect [2001:db8::1]:443, 0 timer 250, 20 connect 192.0.2.1:443, 20 timer 270, \
         40 won 192.0.2.1:443",
    );
}

/// When two connections are established at one instant, the attempt that was started first wins,
/// and the other stream is aborted.
#[test]
fn the_second_winner_is_aborted() {
    check(
        &options(),
        &[A, B],
        &[(A, Works(300)), (B, Works(50))],
        "0 connect [2001:db8::1]:443, 0 timer 250, 250 connect 192.0.2.1:443, 250 timer off, \
         300 abort 192.0.2.1:443, 300 won [2001:db8::1]:443",
    );
}

/// At the time limit the attempts in flight are given up.
#[test]
fn the_deadline() {
    let mut limited = options();
    limited.race.timeout = Some(Duration::from_millis(100));
    check(
        &limited,
        &[A, B],
        &[],
        "0 connect [2001:db8::1]:443, 0 timer 100, 100 give up [2001:db8::1]:443, 100 failed",
    );
}

/// With an address to bind for one family only, addresses of the other family are not tried.
#[test]
fn bound_to_one_family() {
    let mut bound = options();
    bound.tcp.bind_ipv4 = Some("192.0.2.9".parse().unwrap());
    check(
        &bound,
        &[A, B],
        &[(B, Works(1))],
        "0 connect 192.0.2.1:443, 1 won 192.0.2.1:443",
    );
    bound.tcp.bind_ipv6 = Some("2001:db8::9".parse().unwrap());
    check(
        &bound,
        &[A, B],
        &[(A, Works(1))],
        "0 connect [2001:db8::1]:443, 0 timer 250, 1 won [2001:db8::1]:443",
    );
}

/// Dropping the future gives every attempt up.
#[test]
fn dropping_the_future() {
    let fake = Fake::new(&[]);
    let options = options();
    {
        let mut racing = std::pin::pin!(connect(&fake, addresses(&[A, B]), &options));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(racing.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(
        fake.log(),
        "0 connect [2001:db8::1]:443, 0 timer 250, 0 give up [2001:db8::1]:443"
    );
}

/// A list is sorted only with `AddressOrder::Rfc6724`. Each address is probed once.
#[test]
fn sorted_where_asked() {
    let fake = Fake::new(&[(A, Works(1))])
        .with_source(A, "2001:db8::9")
        .with_source(B, "192.0.2.9");
    let mut sorted = options();
    sorted.order = AddressOrder::Rfc6724;
    let connected = fake
        .block_on(connect(&fake, addresses(&[B, A]), &sorted))
        .unwrap();
    assert_eq!(connected.address, address(A));
    assert_eq!(
        fake.log(),
        "0 source 192.0.2.1:443, 0 source [2001:db8::1]:443, 0 connect [2001:db8::1]:443, \
         0 timer 250"
    );
}

/// The round-trip time of a connection goes into the history, and sets the next delay.
#[test]
fn the_history_is_fed() {
    let fake = Fake::new(&[(A, Works(40))]);
    let history = Arc::new(Lock::new(RttHistory::default()));
    let mut learning = options();
    learning.history = Some(Arc::clone(&history));
    learning.race.dynamic_delay = true;
    fake.block_on(connect(&fake, addresses(&[A, B]), &learning))
        .unwrap();
    let ip: IpAddr = "2001:db8::1".parse().unwrap();
    let known = history.lock().round_trip(ip, fake.now()).unwrap();
    assert_eq!(known.smoothed, Duration::from_millis(40));

    fake.block_on(connect(&fake, addresses(&[A, B]), &learning))
        .unwrap();
    assert!(fake.log().contains("40 timer 160"), "{}", fake.log());
}

/// The future is `Send`, so that it can be spawned.
#[test]
fn the_future_is_send() {
    fn check<T: Send>(_: T) {}
    let fake = Fake::new(&[]);
    let runtime: &dyn Runtime = &fake;
    let options = options();
    check(connect(runtime, vec![address(A)], &options));
    check(trunkline_connect::io::connect_host(
        runtime,
        "localhost",
        443,
        &trunkline_connect::io::SystemLookup,
        &options,
    ));
}
