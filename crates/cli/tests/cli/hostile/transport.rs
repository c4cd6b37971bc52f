//! Sections 2.9 to 2.12: EDNS, replies that do not fit, and TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;

use trunkline_testkit::dns::{Data, DnsServer, Query, Rcode, Reply, Script, Transport, Type};

use super::{
    BOTH, Made, evil_record, honest, lie, message, patched, resolve, server, telling, truth,
};

/// A server that does not like EDNS is asked without, and that only once.
#[test]
fn a_server_without_edns_is_asked_without() {
    let refusals: [(&str, Made<Vec<u8>>); 6] = [
        ("FORMERR, header alone", |query| {
            patched(
                query.message[..12].to_vec(),
                2,
                &[0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0],
            )
        }),
        ("NOTIMP, header alone", |query| {
            patched(
                query.message[..12].to_vec(),
                2,
                &[0x81, 0x84, 0, 0, 0, 0, 0, 0, 0, 0],
            )
        }),
        ("FORMERR with the question", |query| bare(query, 1)),
        ("NOTIMP with the question", |query| bare(query, 4)),
        ("FORMERR with the OPT record", |query| {
            message(query, &Reply::rcode(Rcode::FORMERR))
        }),
        ("BADVERS", |query| {
            message(query, &Reply::rcode(Rcode::BADVERS))
        }),
    ];
    for (what, refusal) in refusals {
        let server = server(telling(move |query| match query.edns_size {
            Some(_) => vec![refusal(query)],
            None => vec![truth(query)],
        }));
        resolve(&[server.address()], "", "a.test").expect(what, &BOTH);
        // Each family at most once with and once without.
        assert!((3..=4).contains(&server.total()), "{what}");
    }
}

/// The question alone, with this response code and without an OPT record.
fn bare(query: &Query, rcode: u8) -> Vec<u8> {
    let mut message = query.message[..query.question_end].to_vec();
    message[2..4].copy_from_slice(&[0x81, 0x80 | rcode]);
    message[6..12].fill(0);
    message
}

fn many(count: u8) -> Reply {
    Reply::data(60, (0..count).map(|last| Data::A([10, 0, 0, last].into())))
}

/// As many in one datagram, whatever the client allows.
fn oversize(count: u8) -> Reply {
    let mut reply = many(count);
    reply.oversize = true;
    reply
}

/// What does not fit comes whole: over TCP where the server says so, at once where it sends more
/// than it was allowed.
#[test]
fn large_answers_come_whole() {
    let cases: [(&str, Reply, usize, usize); 4] = [
        ("200 over TCP", many(200), 200, 1),
        ("TC for one", many(1).truncated(), 1, 1),
        ("100 in one datagram", oversize(100), 100, 0),
        ("250 in one datagram", oversize(250), 250, 1),
    ];
    for (what, reply, count, over_tcp) in cases {
        let server = server(Reply::no_data());
        server.set("a.test", Type::A, reply);
        let told = resolve(&[server.address()], "", "a.test");
        assert_eq!(told.addresses().len(), count, "{what}: {told:?}");
        assert!(!told.is_partial(), "{what}");
        let tcp = server.count("a.test", Type::A, Transport::Tcp);
        assert_eq!(tcp, over_tcp, "{what}");
    }
}

/// Records of a truncated datagram are not used, and TC over TCP is passed over.
#[test]
fn truncated_records_are_not_used() {
    let server = server(telling(|query| match query.transport {
        Transport::Udp => vec![patched(lie(query), 2, &[0x83])],
        Transport::Tcp => vec![patched(truth(query), 2, &[0x83])],
    }));
    resolve(&[server.address()], "", "a.test").expect("over TCP", &BOTH);
}

/// Foreign messages on a connection are passed over, as datagrams are.
#[test]
fn foreign_messages_on_a_connection_are_dropped() {
    let server = server(telling(|query| match query.transport {
        Transport::Udp => vec![message(query, &Reply::default().truncated())],
        Transport::Tcp => vec![
            Vec::new(),
            vec![0; 3],
            patched(lie(query), 0, &[!query.id()[0]]),
            patched(lie(query), 13, b"b"),
            truth(query),
        ],
    }));
    resolve(&[server.address()], "", "a.test").expect("the fifth message", &BOTH);
}

/// A message of 64 KiB that is made to cost time is refused at once.
#[test]
fn a_costly_message_costs_nothing() {
    let server = server(telling(|query| match query.transport {
        Transport::Udp => vec![message(query, &Reply::default().truncated())],
        Transport::Tcp => vec![pointers(query)],
    }));
    let other = honest();
    let servers = [server.address(), other.address()];
    let told = resolve(&servers, "options attempts:1", "a.test");
    assert!(
        told.object["elapsed_ms"]
            .as_f64()
            .is_none_or(|ms| ms < 1000.0),
        "{told:?}"
    );
    assert_ne!(told.addresses(), ["6.6.6.6:1"], "{told:?}");
}

/// Records whose owners are pointers to pointers to pointers.
fn pointers(query: &Query) -> Vec<u8> {
    let mut message = truth(query)[..query.question_end].to_vec();
    message[4..12].copy_from_slice(&[0, 1, 0xff, 0xff, 0, 0, 0, 0]);
    let mut last = 12_u16;
    while message.len() < 65_500 {
        let here = message.len() as u16;
        message.extend((0xc000 | last).to_be_bytes());
        message.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6]);
        last = here & 0x3fff;
    }
    message
}

/// A server over UDP alone, which truncates all.
fn udp_alone(socket: UdpSocket) -> SocketAddr {
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let mut script = Script::default();
        script.set_default(telling(|query| {
            let mut reply = Reply::records([evil_record(query)]);
            reply.truncate = true;
            vec![patched(message(query, &reply), 2, &[0x83])]
        }));
        let mut buffer = [0; 4096];
        // Two questions and their copies are all that can come.
        for _ in 0..8 {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                continue;
            };
            let response = script.respond(&buffer[..length], Transport::Udp, from);
            for message in response.expect("a query").messages {
                let _ = socket.send_to(&message, from);
            }
        }
    });
    address
}

/// Where TCP is refused, the next server is asked, and nothing of the datagram is used.
#[test]
fn refused_tcp_goes_to_the_next_server() {
    let refusing = udp_alone(UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let other = honest();
    resolve(&[refusing, other.address()], "", "a.test").expect("the other server's", &BOTH);
}

/// Half a message on a connection, and no more: one deadline, and the next server. A connection that
/// is closed is tried once more before.
#[test]
fn half_a_message_goes_to_the_next_server() {
    for close in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let socket = UdpSocket::bind(listener.local_addr().expect("an address"));
        let Ok(socket) = socket else { continue };
        let half = udp_alone(socket);
        thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming().take(8) {
                let mut stream = stream.expect("a connection");
                let mut query = [0; 64];
                let _ = stream.read(&mut query);
                let _ = stream.write_all(&[0, 60, query[2], query[3], 0x81, 0x80, 0]);
                if !close {
                    open.push(stream);
                }
            }
        });
        let other = honest();
        let told = resolve(&[half, other.address()], "options timeout:1", "a.test");
        told.expect("the other server's", &BOTH);
        let ms = told.object["elapsed_ms"].as_f64().expect("a time");
        assert!(ms < 3000.0, "{told:?}");
    }
}

/// `options use-vc`: TCP from the start.
#[test]
fn tcp_from_the_start() {
    let server: DnsServer = honest();
    resolve(&[server.address()], "options use-vc", "a.test").expect("over TCP", &BOTH);
    assert_eq!(server.count("a.test", Type::A, Transport::Udp), 0);
}
