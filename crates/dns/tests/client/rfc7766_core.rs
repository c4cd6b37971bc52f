//! A shared TCP connection without I/O: its core, driven by events (RFC 7766 section 6.2).

use std::io;
use std::time::{Duration, Instant};

use trunkline_dns::core::{Asker, ConnectionEnd, TcpConnection};

const IDLE: Duration = Duration::from_secs(10);

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as the start"
    )]
    Instant::now()
}

/// Takes the messages that the connection has to write, each of which comes after its length.
fn written(connection: &mut TcpConnection) -> Vec<Vec<u8>> {
    let mut rest = connection.unsent().to_vec();
    connection.handle_sent(rest.len());
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        messages.push(rest[2..2 + length].to_vec());
        rest.drain(..2 + length);
    }
    messages
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("short");
    [&length.to_be_bytes(), message].concat()
}

fn join(connection: &mut TcpConnection) -> Asker {
    connection.join().expect("room")
}

/// Each reply goes to the asker of its id, in any order. A message with another id is dropped.
#[test]
fn replies_are_told_apart_by_id() {
    let (mut connection, first) = TcpConnection::new(IDLE);
    let second = join(&mut connection);
    connection.ask(first, b"\x00\x01first");
    connection.ask(second, b"\x00\x02second");
    assert_eq!(
        written(&mut connection),
        [&b"\x00\x01first"[..], b"\x00\x02second"]
    );
    connection.handle_established();
    for message in [
        &b"\x00\x03?"[..],
        b"",
        b"\x00",
        b"\x00\x02two",
        b"\x00\x01one",
    ] {
        connection.handle_received(&framed(message));
    }
    assert_eq!(connection.poll_reply(second), Some(b"\x00\x02two".to_vec()));
    assert_eq!(connection.poll_reply(first), Some(b"\x00\x01one".to_vec()));
    assert_eq!(connection.poll_reply(first), None);
}

/// A connection ends after 64 messages in a row that answer no query, whatever their ids; a reply in
/// between starts the count again.
#[test]
fn a_flood_ends_the_connection() {
    for foreign in [&b"\x00\x07?"[..], b"", b"\x00\x01again"] {
        let (mut connection, first) = TcpConnection::new(IDLE);
        let second = join(&mut connection);
        connection.ask(first, b"\x00\x01first");
        connection.ask(second, b"\x00\x02second");
        connection.handle_established();
        connection.handle_received(&framed(b"\x00\x01one"));
        connection.handle_received(&framed(foreign).repeat(64));
        connection.handle_received(&framed(b"\x00\x02two"));
        connection.handle_received(&framed(foreign).repeat(64));
        assert_eq!(connection.end(), None);
        connection.handle_received(&framed(foreign).repeat(1000));
        assert_eq!(connection.end(), Some(ConnectionEnd::Flooded));
        assert!(connection.is_over());
        assert_eq!(connection.poll_reply(second), Some(b"\x00\x02two".to_vec()));
    }
}

/// The queries of two askers with one id are sent under two ids, and each reply comes back under
/// the id that its asker chose.
#[test]
fn ids_are_unique_among_those_under_way() {
    let (mut connection, first) = TcpConnection::new(IDLE);
    let second = join(&mut connection);
    connection.ask(first, b"\xff\xfffirst");
    connection.ask(second, b"\xff\xffsecond");
    assert_eq!(
        written(&mut connection),
        [&b"\xff\xfffirst"[..], b"\x00\x00second"]
    );
    connection.handle_received(&framed(b"\x00\x00two"));
    assert!(connection.has_reply(second) && !connection.has_reply(first));
    assert_eq!(connection.poll_reply(second), Some(b"\xff\xfftwo".to_vec()));
}

/// A question that waits for its reply is not sent again; all its askers get the reply.
#[test]
fn one_question_is_under_way_once() {
    let (mut connection, first) = TcpConnection::new(IDLE);
    let second = join(&mut connection);
    connection.ask(first, b"\x00\x01same");
    connection.ask(second, b"\x00\x02same");
    assert_eq!(written(&mut connection), [b"\x00\x01same"]);
    // After one asker has left, the other still gets the reply.
    connection.leave(first, now());
    assert!(!connection.is_over());
    connection.handle_received(&framed(b"\x00\x01reply"));
    assert_eq!(
        connection.poll_reply(second),
        Some(b"\x00\x02reply".to_vec())
    );
    // After the reply it is sent again.
    let third = join(&mut connection);
    connection.ask(third, b"\x00\x01same");
    assert_eq!(written(&mut connection), [b"\x00\x02same"]);
}

/// At most 32 askers have joined at the same time; one that leaves makes room.
#[test]
fn so_many_are_in_flight() {
    let (mut connection, first) = TcpConnection::new(IDLE);
    for _ in 1..32 {
        join(&mut connection);
    }
    assert_eq!(connection.join(), None);
    connection.ask(first, b"\x00\x01one");
    connection.handle_received(&framed(b"\x00\x01reply"));
    connection.leave(first, now());
    assert!(connection.join().is_some());
}

/// Without an asker the connection ends after its idle time, and not before; with one it has no
/// timer.
#[test]
fn an_idle_connection_ends() {
    let now = now();
    let (mut connection, first) = TcpConnection::new(IDLE);
    assert_eq!(connection.poll_timeout(), None);
    connection.ask(first, b"\x00\x01one");
    connection.handle_received(&framed(b"\x00\x01reply"));
    connection.leave(first, now);
    assert_eq!(connection.poll_timeout(), Some(now + IDLE));
    // The next asker stops the idle time; it starts again when the asker leaves.
    let second = join(&mut connection);
    assert_eq!(connection.poll_timeout(), None);
    connection.handle_timeout(now + 2 * IDLE);
    assert_eq!(connection.end(), None);
    connection.leave(second, now + IDLE);
    connection.handle_timeout(now + 2 * IDLE - Duration::from_nanos(1));
    assert_eq!(connection.end(), None);
    connection.handle_timeout(now + 2 * IDLE);
    assert_eq!(connection.end(), Some(ConnectionEnd::Unused));
    assert_eq!((connection.join(), connection.poll_timeout()), (None, None));
}

/// When an asker leaves before its reply, the connection takes no new askers, and ends with the
/// last one that it has.
#[test]
fn a_question_that_is_given_up_retires_the_connection() {
    let (mut connection, first) = TcpConnection::new(IDLE);
    let second = join(&mut connection);
    connection.ask(first, b"\x00\x01first");
    connection.ask(second, b"\x00\x02second");
    connection.leave(first, now());
    assert_eq!((connection.join(), connection.end()), (None, None));
    // A late reply is dropped.
    connection.handle_received(&framed(b"\x00\x01late"));
    connection.handle_received(&framed(b"\x00\x02reply"));
    assert_eq!(
        connection.poll_reply(second),
        Some(b"\x00\x02reply".to_vec())
    );
    connection.leave(second, now());
    assert_eq!(connection.end(), Some(ConnectionEnd::Unused));
}

/// An error before the connection is established is a failure; later it is an end, as a FIN is.
#[test]
fn a_reset_is_an_end() {
    let reset = io::ErrorKind::ConnectionReset;
    for (established, error, end) in [
        (false, Some(reset), ConnectionEnd::Failed(reset)),
        (true, Some(reset), ConnectionEnd::Closed),
        (true, None, ConnectionEnd::Closed),
    ] {
        let (mut connection, first) = TcpConnection::new(IDLE);
        connection.ask(first, b"\x00\x01one");
        if established {
            connection.handle_established();
        }
        connection.handle_closed(error);
        assert_eq!(connection.end(), Some(end));
        assert_eq!(connection.join(), None);
    }
}

/// Of messages that a server repeats under one id, the first four are kept.
#[test]
fn a_flood_under_one_id_is_bounded() {
    let (mut connection, first) = TcpConnection::new(IDLE);
    connection.ask(first, b"\x00\x01one");
    for _ in 0..1000 {
        connection.handle_received(&framed(b"\x00\x01again"));
    }
    let kept = std::iter::from_fn(|| connection.poll_reply(first)).count();
    assert_eq!(kept, 4);
}
