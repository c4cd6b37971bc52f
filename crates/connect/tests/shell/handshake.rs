//! draft-ietf-happy-happyeyeballs-v3: a handshake as part of the race.

use std::io;
use std::pin::pin;
use std::task::{Context, Waker};

use trunkline_connect::AttemptStage;
use trunkline_connect::io::{SystemLookup, connect_host_with, connect_with};
use trunkline_runtime::{PeerAddr, Stream};

use crate::fake::{Behaviour, Fake, address, addresses};
use crate::race::options;

const A: &str = "[2001:db8::1]:443";
const B: &str = "192.0.2.1:443";

/// The handshakes that end: the peer, how long it takes in milliseconds, and its error if it fails.
type Handshakes = &'static [(&'static str, u64, Option<io::ErrorKind>)];

/// Runs the handshake that the table has for the peer; without one it hangs.
async fn handshake(
    fake: Fake,
    table: Handshakes,
    stream: Box<dyn Stream>,
) -> io::Result<Box<dyn Stream>> {
    let PeerAddr::Ip(peer) = stream.peer_addr() else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    match table.iter().find(|(of, ..)| address(of) == peer) {
        None => std::future::pending().await,
        Some((_, after, failure)) => {
            fake.after(*after, ()).await;
            failure.map_or(Ok(stream), |kind| Err(kind.into()))
        }
    }
}

/// Races `A` and `B` with handshakes, and compares the log.
#[track_caller]
fn check(behaviours: &[(&str, Behaviour)], table: Handshakes, expected: &str) {
    let fake = Fake::new(behaviours);
    let options = options();
    let race = connect_with(&fake, addresses(&[A, B]), &options, |stream| {
        handshake(fake.clone(), table, stream)
    });
    let result = fake.block_on(race);
    fake.note(match &result {
        Ok(connected) => format!("won {}", connected.address),
        Err(error) => error.to_string(),
    });
    assert_eq!(fake.log(), expected);
}

/// An established connection has not won yet: a server that accepts it and then hangs loses, and
/// its connection is reset.
#[test]
fn a_handshake_that_hangs_loses() {
    check(
        &[(A, Behaviour::Works(20)), (B, Behaviour::Works(20))],
        &[(B, 30, None)],
        "0 connect [2001:db8::1]:443, 0 timer 250, 250 connect 192.0.2.1:443, 250 timer off, \
         300 abort [2001:db8::1]:443, 300 won 192.0.2.1:443",
    );
}

/// When an attempt makes progress, the next one waits for as long again as that step took.
#[test]
fn progress_extends_the_wait() {
    check(
        &[(A, Behaviour::Works(200))],
        &[(A, 190, None)],
        "0 connect [2001:db8::1]:443, 0 timer 250, 200 timer 400, 390 won [2001:db8::1]:443",
    );
}

/// A handshake that fails is followed by the next address at once.
#[test]
fn a_handshake_that_fails() {
    check(
        &[(A, Behaviour::Works(20)), (B, Behaviour::Works(20))],
        &[(A, 10, Some(io::ErrorKind::InvalidData)), (B, 10, None)],
        "0 connect [2001:db8::1]:443, 0 timer 250, 30 close [2001:db8::1]:443, \
         30 connect 192.0.2.1:443, 30 timer off, 60 won 192.0.2.1:443",
    );
}

/// When two handshakes are done at one instant, the connection of the second is reset.
#[test]
fn the_second_winner_is_reset() {
    check(
        &[(A, Behaviour::Works(200)), (B, Behaviour::Works(50))],
        &[(A, 250, None), (B, 0, None)],
        "0 connect [2001:db8::1]:443, 0 timer 250, 200 timer 400, 400 connect 192.0.2.1:443, \
         400 timer off, 450 abort 192.0.2.1:443, 450 won [2001:db8::1]:443",
    );
}

/// The winner can be used, and is closed in the ordinary way.
#[test]
fn the_winner_is_closed_as_usual() {
    let fake = Fake::new(&[(A, Behaviour::Works(1))]).with_name("example.com", &[A]);
    let options = options();
    let race = connect_host_with(
        &fake,
        "example.com",
        443,
        &SystemLookup,
        &options,
        |stream| handshake(fake.clone(), &[(A, 1, None)], stream),
    );
    let connected = fake.block_on(race).unwrap();
    assert_eq!(connected.stream.peer_addr(), address(A).into());
    let stages: Vec<AttemptStage> = connected.report.attempts().map(|one| one.stage).collect();
    assert_eq!(stages, [AttemptStage::Handshaking]);
    drop(connected);
    assert!(
        fake.log().ends_with("7 close [2001:db8::1]:443"),
        "{}",
        fake.log()
    );
}

/// Dropping the future in the middle of a handshake resets the connection.
#[test]
fn dropping_the_future() {
    let fake = Fake::new(&[(A, Behaviour::Works(0))]);
    let options = options();
    {
        let mut race = pin!(connect_with(&fake, [address(A)], &options, |stream| {
            handshake(fake.clone(), &[], stream)
        }));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(race.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(
        fake.log(),
        "0 connect [2001:db8::1]:443, 0 abort [2001:db8::1]:443"
    );
}
