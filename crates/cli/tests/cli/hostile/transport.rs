//! EDNS, replies that do not fit into a datagram, and TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;

use trunkline_testkit::dns::{Data, DnsServer, Query, Rcode, Reply, Script, Transport, Type};

use super::servers::resolve_in_attempts;
use super::{
    BOTH, FromQuery, evil_record, honest, lie, message, patched, replying, resolve, server, truth,
};

/// A server that refuses EDNS is asked without it, once per family.
#[test]
fn a_server_without_edns_is_asked_without() {
    let refusals: [(&str, FromQuery<Vec<u8>>); 6] = [
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
        let server = server(replying(move |query| match query.edns_size {
            Some(_) => vec![refusal(query)],
            None => vec![truth(query)],
        }));
        resolve(&[server.address()], "", "a.test").expect(what, &BOTH);
        // Each family: at most one query with EDNS and one without.
        assert!((3..=4).contains(&server.total()), "{what}");
    }
}

/// Returns a reply that is the question with this response code, without an OPT record.
fn bare(query: &Query, rcode: u8) -> Vec<u8> {
    let mut message = query.message[..query.question_end].to_vec();
    message[2..4].copy_from_slice(&[0x81, 0x80 | rcode]);
    message[6..12].fill(0);
    message
}

fn many(count: u8) -> Reply {
    Reply::data(60, (0..count).map(|last| Data::A([10, 0, 0, last].into())))
}

/// Returns the reply of [`many`] in one datagram, even when that is larger than the client allows.
fn oversize(count: u8) -> Reply {
    let mut reply = many(count);
    reply.oversize = true;
    reply
}

/// A large answer is complete. A truncated one is asked for again over TCP. A datagram larger than
/// the client allows is used when it arrives whole, and asked for again over TCP otherwise.
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
        let result = resolve(&[server.address()], "", "a.test");
        assert_eq!(result.addresses().len(), count, "{what}: {result:?}");
        assert!(!result.is_partial(), "{what}");
        let tcp = server.count("a.test", Type::A, Transport::Tcp);
        assert_eq!(tcp, over_tcp, "{what}");
    }
}

/// The records of a truncated datagram are not used. With the TC bit over TCP the records are used,
/// and the answer is partial.
#[test]
fn truncated_records_are_not_used() {
    let server = server(replying(|query| match query.transport {
        Transport::Udp => vec![patched(lie(query), 2, &[0x83])],
        Transport::Tcp => vec![patched(truth(query), 2, &[0x83])],
    }));
    let result = resolve(&[server.address()], "", "a.test");
    assert_eq!(result.status, 0, "{result:?}");
    assert_eq!(result.addresses(), BOTH, "{result:?}");
    assert!(result.is_partial(), "{result:?}");
}

/// Messages on a TCP connection that do not match the query are ignored, as datagrams are.
#[test]
fn foreign_messages_on_a_connection_are_dropped() {
    let server = server(replying(|query| match query.transport {
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

/// A message of 64 KiB that is expensive to decode is refused at once.
#[test]
fn an_expensive_message_is_refused_at_once() {
    let server = server(replying(|query| match query.transport {
        Transport::Udp => vec![message(query, &Reply::default().truncated())],
        Transport::Tcp => vec![pointers(query)],
    }));
    let other = honest();
    let servers = [server.address(), other.address()];
    let result = resolve(&servers, "options attempts:1", "a.test");
    // An attempt at a server takes 5 s.
    assert!(
        result.object["elapsed_ms"]
            .as_f64()
            .is_none_or(|ms| ms < 4000.0),
        "{result:?}"
    );
    assert_ne!(result.addresses(), ["6.6.6.6:1"], "{result:?}");
}

/// Returns a reply whose records have chained compression pointers as owners.
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

/// Serves DNS on a UDP socket without TCP, and truncates every reply.
fn udp_alone(socket: UdpSocket) -> SocketAddr {
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let mut script = Script::default();
        script.set_default(replying(|query| {
            let mut reply = Reply::records([evil_record(query)]);
            reply.truncate = true;
            vec![patched(message(query, &reply), 2, &[0x83])]
        }));
        let mut buffer = [0; 4096];
        loop {
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

/// When a server refuses TCP, the next server is asked, and the truncated datagram is not used.
#[test]
fn refused_tcp_goes_to_the_next_server() {
    let refusing = udp_alone(UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let other = honest();
    resolve(&[refusing, other.address()], "", "a.test").expect("the other server's", &BOTH);
}

/// When a TCP connection delivers half a message and stalls, the next server is asked after one
/// attempt timeout. When the connection closes instead, one retry comes first.
#[test]
fn half_a_message_goes_to_the_next_server() {
    for close in [true, false] {
        let ports = (0..100).find_map(|_| {
            let listener = TcpListener::bind("127.0.0.1:0").ok()?;
            let socket = UdpSocket::bind(listener.local_addr().ok()?).ok()?;
            Some((listener, socket))
        });
        let (listener, socket) = ports.expect("a port that is free for both");
        let half = udp_alone(socket);
        thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
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
        let result = resolve_in_attempts(&[half, other.address()], 0.0..3.0);
        result.expect("the other server's", &BOTH);
    }
}

/// With `options use-vc` the first query goes over TCP.
#[test]
fn tcp_from_the_start() {
    let server: DnsServer = honest();
    resolve(&[server.address()], "options use-vc", "a.test").expect("over TCP", &BOTH);
    assert_eq!(server.count("a.test", Type::A, Transport::Udp), 0);
}
