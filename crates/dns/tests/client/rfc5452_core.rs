//! A shared UDP socket without I/O: its core, driven by events (RFC 5452 section 9.2).

use std::io;

use trunkline_dns::core::{Asker, Recipient, SharedUdp};

/// Asks with an id that the asker chose; returns the id under which the query goes out.
fn ask(socket: &mut SharedUdp, asker: Asker, id: u8) -> u8 {
    let mut query = [0, id, 1, 2, 3];
    socket.ask(asker, &mut query);
    assert_eq!((query[0], &query[2..]), (0, &[1, 2, 3][..]));
    query[1]
}

/// Delivers a datagram with an id to the reader; returns its recipient, and the datagram as the
/// reader's buffer has it.
fn deliver(socket: &mut SharedUdp, reader: Asker, id: u8) -> (Recipient, Vec<u8>) {
    let mut datagram = vec![0, id, 9];
    let recipient = socket.handle_datagram(reader, &mut datagram, false);
    (recipient, datagram)
}

/// A query whose id is taken goes out under the next free id; its replies come back under the id
/// that was chosen.
#[test]
fn taken_ids_are_replaced_and_restored() {
    let (mut socket, first) = SharedUdp::new();
    let second = socket.join().expect("room");
    assert_eq!(ask(&mut socket, first, 7), 7);
    assert_eq!(ask(&mut socket, first, 8), 8);
    assert_eq!(ask(&mut socket, second, 7), 9);
    assert!(socket.read(first));
    assert_eq!(
        deliver(&mut socket, first, 8),
        (Recipient::Reader, vec![0, 8, 9])
    );
    let (recipient, _) = deliver(&mut socket, first, 9);
    assert_eq!(recipient, Recipient::Other(second));
    assert_eq!(socket.poll_reply(second).expect("a reply").bytes, [0, 7, 9]);
    assert_eq!(socket.poll_reply(first), None);
}

/// After its asker has left, an id is free, and a late reply to it is dropped.
#[test]
fn the_ids_of_an_asker_leave_with_it() {
    let (mut socket, first) = SharedUdp::new();
    let second = socket.join().expect("room");
    ask(&mut socket, second, 7);
    socket.leave(second);
    let (recipient, datagram) = deliver(&mut socket, first, 7);
    assert_eq!((recipient, datagram), (Recipient::Dropped, vec![0, 7, 9]));
    assert_eq!(ask(&mut socket, first, 7), 7);
}

/// A datagram that is too short for an id is dropped.
#[test]
fn short_datagrams_are_dropped() {
    let (mut socket, first) = SharedUdp::new();
    ask(&mut socket, first, 0);
    for datagram in [&mut [][..], &mut [0]] {
        let recipient = socket.handle_datagram(first, datagram, false);
        assert_eq!(recipient, Recipient::Dropped);
    }
}

/// A socket serves 64 lookups, also when the earlier ones have left: then it gets a new port.
#[test]
fn a_socket_serves_64_lookups() {
    let (mut socket, first) = SharedUdp::new();
    for _ in 1..64 {
        let asker = socket.join().expect("room");
        socket.leave(asker);
    }
    assert_eq!(socket.join(), None);
    socket.leave(first);
    assert_eq!(socket.join(), None);
}

/// A socket that has failed takes no lookup; its first failure is the one that counts.
#[test]
fn a_failed_socket_takes_no_lookup() {
    let (mut socket, _) = SharedUdp::new();
    assert_eq!(socket.failure(), None);
    socket.handle_failed(io::ErrorKind::ConnectionRefused);
    socket.handle_failed(io::ErrorKind::NetworkDown);
    assert_eq!(socket.failure(), Some(io::ErrorKind::ConnectionRefused));
    assert_eq!(socket.join(), None);
}

/// One asker reads the socket. When it leaves, another one must be woken to read; also when that
/// one leaves before it has read.
#[test]
fn one_asker_reads_at_a_time() {
    let (mut socket, first) = SharedUdp::new();
    let second = socket.join().expect("room");
    let third = socket.join().expect("room");
    assert!(socket.read(second));
    assert!(!socket.read(first) && !socket.read(third));
    assert!(socket.read(second));
    assert!(socket.leave(second), "the reader has left");
    assert!(socket.leave(first), "no asker has read since");
    assert!(socket.read(third));
    assert!(!socket.leave(third), "no asker is left");
}

/// When an asker leaves that is not the reader, the reader stays.
#[test]
fn the_reader_stays() {
    let (mut socket, first) = SharedUdp::new();
    let second = socket.join().expect("room");
    assert!(socket.read(first));
    assert!(!socket.leave(second));
    assert!(socket.read(first));
}

/// An asker that does not take its datagrams has at most 64 of them.
#[test]
fn unread_datagrams_are_bounded() {
    let (mut socket, first) = SharedUdp::new();
    let second = socket.join().expect("room");
    ask(&mut socket, second, 7);
    let delivered = (0..1000).filter(|_| {
        let (recipient, _) = deliver(&mut socket, first, 7);
        recipient == Recipient::Other(second)
    });
    assert_eq!(delivered.count(), 64);
    assert_eq!(std::iter::from_fn(|| socket.poll_reply(second)).count(), 64);
}

/// A datagram that was cut off stays marked as such.
#[test]
fn truncation_is_kept() {
    let (mut socket, first) = SharedUdp::new();
    let second = socket.join().expect("room");
    ask(&mut socket, second, 7);
    socket.handle_datagram(first, &mut [0, 7], true);
    assert!(socket.poll_reply(second).expect("a reply").truncated);
}
