//! The scripted DNS server, byte by byte.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use trunkline_runtime::{TcpOptions, UdpOptions};
use trunkline_sim::Sim;
use trunkline_sim::dns::{Behaviour, Data, DnsServer, LoggedQuery, Rcode, Transport, Type};

const MS: Duration = Duration::from_millis(1);
const A: Type = Type::A;
const TXT: Type = Type::TXT;
const AAAA: Type = Type::AAAA;
const SRV: Type = Type::SRV;

fn server() -> SocketAddr {
    "198.51.100.53:53".parse().unwrap()
}

/// Returns a query with id 0xBEEF and RD set for the name of these labels.
fn query(labels: &[&str], record_type: Type) -> Vec<u8> {
    let mut out = vec![0xBE, 0xEF, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in labels {
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out.extend_from_slice(&record_type.0.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out
}

async fn ask_udp(sim: &Sim, query: &[u8]) -> Vec<u8> {
    let runtime = sim.runtime();
    let socket = runtime.connect_udp(server(), &UdpOptions::default());
    let mut socket = socket.unwrap();
    poll_fn(|cx| socket.poll_send(cx, query)).await.unwrap();
    let mut buffer = [0; 4096];
    let received = poll_fn(|cx| socket.poll_recv(cx, &mut buffer)).await;
    buffer[..received.unwrap().len].to_vec()
}

async fn ask_tcp(sim: &Sim, query: &[u8]) -> Vec<u8> {
    let runtime = sim.runtime();
    let stream = runtime.connect_tcp(server(), &TcpOptions::default()).await;
    let mut stream = stream.unwrap();
    let framed = [&(query.len() as u16).to_be_bytes(), query].concat();
    stream.write_all(&framed).await.unwrap();
    let mut len = [0; 2];
    stream.read_exact(&mut len).await.unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut answer).await.unwrap();
    answer
}

/// Checks the answer over UDP: `head` is its flags and counts, `rest` what follows the repeated
/// question.
fn check(
    dns: impl FnOnce(&DnsServer),
    labels: &[&str],
    record_type: Type,
    head: [u8; 10],
    rest: &[u8],
) {
    let sim = Sim::new(1);
    let server = sim.dns_server(server());
    dns(&server);
    let query = query(labels, record_type);
    let answer = sim.run(ask_udp(&sim, &query));
    assert_eq!(answer[..2], [0xBE, 0xEF]);
    assert_eq!(answer[2..12], head);
    assert_eq!(answer[12..query.len()], query[12..]);
    assert_eq!(answer[query.len()..], *rest);
}

const ONE_ANSWER: [u8; 10] = [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
/// The root's SOA record, with a TTL of 60 seconds.
const SOA: [u8; 33] = [
    0, 0, 6, 0, 1, 0, 0, 0, 60, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 60,
];

/// The server answers with an address, whatever the case of the name, and repeats the question
/// unchanged.
#[test]
fn answers_an_address() {
    let record = Data::A([198, 51, 100, 7].into());
    let rest = [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 198, 51, 100, 7];
    let insert = |dns: &DnsServer| dns.insert("orders.test.", 30, record);
    check(insert, &["OrDeRs", "test"], A, ONE_ANSWER, &rest);
}

/// The server answers with a service whose target is not compressed.
#[test]
fn answers_a_service() {
    let record = Data::Srv {
        priority: 1,
        weight: 2,
        port: 50051,
        target: "a.test".to_owned(),
    };
    let data = b"\0\x01\0\x02\xC3\x83\x01a\x04test\0";
    let rest = [&[0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 30, 0, 14], &data[..]].concat();
    let insert = |dns: &DnsServer| dns.insert("_grpc._tcp.orders.test", 30, record);
    check(
        insert,
        &["_grpc", "_tcp", "orders", "test"],
        SRV,
        ONE_ANSWER,
        &rest,
    );
}

/// The server answers with strings.
#[test]
fn answers_text() {
    let record = Data::Txt(vec![b"one".to_vec(), b"".to_vec()]);
    let rest = b"\xC0\x0C\0\x10\0\x01\0\0\0\x1E\0\x05\x03one\0";
    let insert = |dns: &DnsServer| dns.insert("orders.test", 30, record);
    check(insert, &["orders", "test"], TXT, ONE_ANSWER, rest);
}

/// The answer has the alias and the record that it leads to.
#[test]
fn follows_an_alias() {
    let two_answers = [0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0];
    let insert = |dns: &DnsServer| {
        dns.insert("www.test", 30, Data::Cname("a.test".to_owned()));
        dns.insert("a.test", 30, Data::A([198, 51, 100, 7].into()));
    };
    let rest = b"\xC0\x0C\0\x05\0\x01\0\0\0\x1E\0\x08\x01a\x04test\0\
        \x01a\x04test\0\0\x01\0\x01\0\0\0\x1E\0\x04\xC6\x33\x64\x07";
    check(insert, &["www", "test"], A, two_answers, rest);
}

/// Unknown names and types get a negative answer with an SOA record.
#[test]
fn answers_negatively() {
    let nxdomain = [0x81, 0x83, 0, 1, 0, 0, 0, 1, 0, 0];
    check(|_| {}, &["orders", "test"], A, nxdomain, &SOA);
    let no_data = [0x81, 0x80, 0, 1, 0, 0, 0, 1, 0, 0];
    let insert = |dns: &DnsServer| dns.insert("orders.test", 30, Data::A([1, 2, 3, 4].into()));
    check(insert, &["orders", "test"], AAAA, no_data, &SOA);
}

/// The server answers with the scripted response code.
#[test]
fn answers_with_a_code() {
    let refused = |dns: &DnsServer| {
        let behaviour = Behaviour {
            rcode: Some(Rcode::REFUSED),
            ..Behaviour::default()
        };
        dns.behave_by_default(behaviour);
    };
    let head = [0x81, 0x85, 0, 1, 0, 0, 0, 0, 0, 0];
    check(refused, &["orders", "test"], A, head, &[]);
}

/// An answer that is truncated over UDP is whole over TCP. The server counts all queries, and its
/// zone can change.
#[test]
fn truncates_and_counts() {
    let sim = Sim::new(1);
    let dns = sim.dns_server(server());
    for host in 0..40 {
        dns.insert("many.test", 30, Data::A([198, 51, 100, host].into()));
    }
    let question = query(&["many", "test"], A);
    sim.run(async {
        let cut = ask_udp(&sim, &question).await;
        assert_eq!(cut[2..12], [0x83, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
        let whole = ask_tcp(&sim, &question).await;
        assert_eq!(whole[2..12], [0x81, 0x80, 0, 1, 0, 40, 0, 0, 0, 0]);
        assert_eq!(whole.len(), question.len() + 40 * 16);
        // With EDNS, the answer fits into 1232 bytes over UDP.
        let mut edns = question.clone();
        edns[11] = 1;
        edns.extend_from_slice(&[0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]);
        let whole = ask_udp(&sim, &edns).await;
        assert_eq!(whole[2..12], [0x81, 0x80, 0, 1, 0, 40, 0, 0, 0, 1]);
        dns.remove("many.test");
        let none = ask_udp(&sim, &question).await;
        assert_eq!(none[3] & 0xF, 3);
    });
    assert_eq!(dns.count("MANY.test", A), 4);
    let tcp = LoggedQuery {
        at: 5 * MS,
        name: "many.test".to_owned(),
        record_type: A,
        transport: Transport::Tcp,
        from: "192.0.2.1:32769".parse().unwrap(),
    };
    assert_eq!(dns.queries()[1], tcp);
}

/// A delay and a drop apply to one type each and leave the others as they are.
#[test]
fn delays_and_drops() {
    let sim = Sim::new(1);
    let dns = sim.dns_server(server());
    dns.insert("orders.test", 30, Data::A([1, 2, 3, 4].into()));
    let late = Behaviour {
        delay: 500 * MS,
        ..Behaviour::default()
    };
    dns.behave("orders.test", Some(A), late);
    let lost = Behaviour {
        drop: true,
        ..Behaviour::default()
    };
    dns.behave("orders.test", Some(AAAA), lost);
    sim.run(ask_udp(&sim, &query(&["orders", "test"], TXT)));
    assert_eq!(sim.elapsed(), 2 * MS);
    sim.run(ask_udp(&sim, &query(&["orders", "test"], A)));
    assert_eq!(sim.elapsed(), 504 * MS);
    let stuck = sim.try_run(ask_udp(&sim, &query(&["orders", "test"], AAAA)));
    assert!(stuck.is_err());
    assert_eq!(dns.count("orders.test", AAAA), 1);
}

/// Messages that are no query get no answer and do no harm.
#[test]
fn ignores_garbage() {
    let sim = Sim::new(1);
    let _dns = sim.dns_server(server());
    let whole = query(&["orders", "test"], A);
    sim.run(async {
        let from = "192.0.2.9:4000".parse().unwrap();
        for len in 0..whole.len() {
            sim.net().inject(from, server(), &whole[..len]);
        }
        let mut answer = whole.clone();
        answer[2] |= 0x80;
        sim.net().inject(from, server(), &answer);
        sim.sleep(10 * MS).await;
        ask_udp(&sim, &whole).await;
    });
}
