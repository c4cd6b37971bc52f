//! The scripted DNS server answers by its script and counts the queries.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use trunkline_testkit::dns::{DnsServer, Rcode, Reply, Transport, Type};

const LIMIT: Duration = Duration::from_secs(10);

/// Returns a query for the A records of `db.test`, with an OPT record if a size is given.
fn query(id: u8, edns_size: Option<u16>) -> Vec<u8> {
    let additional = u8::from(edns_size.is_some());
    let mut message = vec![id, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, additional];
    message.extend(b"\x02dB\x04test\0\0\x01\0\x01");
    if let Some(size) = edns_size {
        message.extend([0, 0, 41]);
        message.extend(size.to_be_bytes());
        message.extend([0, 0, 0, 0, 0, 0]);
    }
    message
}

fn client(server: &DnsServer) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.address()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client
}

fn ask_udp(server: &DnsServer, query: &[u8]) -> Vec<u8> {
    let client = client(server);
    client.send(query).unwrap();
    receive(&client)
}

fn receive(client: &UdpSocket) -> Vec<u8> {
    let mut reply = vec![0; 65_535];
    let len = client.recv(&mut reply).expect("a reply");
    reply.truncate(len);
    reply
}

fn ask_tcp(address: SocketAddr, query: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let len = (query.len() as u16).to_be_bytes();
    stream.write_all(&[&len, query].concat()).unwrap();
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut reply = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut reply).unwrap();
    reply
}

fn rcode(reply: &[u8]) -> u8 {
    reply[3] & 0x0f
}

fn is_truncated(reply: &[u8]) -> bool {
    reply[2] & 0x02 != 0
}

fn answers(reply: &[u8]) -> u16 {
    u16::from_be_bytes([reply[6], reply[7]])
}

/// The server answers over both transports on one port, ignores the case of names, and counts each
/// query.
#[test]
fn answers_on_both_transports() {
    let server = DnsServer::start().unwrap();
    server.set(
        "DB.test.",
        Type::A,
        Reply::a(30, [Ipv4Addr::new(192, 0, 2, 1)]),
    );
    let udp = ask_udp(&server, &query(7, None));
    assert_eq!(udp[..2], [7, 7]);
    assert_eq!((rcode(&udp), answers(&udp)), (0, 1));
    assert!(udp.ends_with(&[0, 0, 0, 30, 0, 4, 192, 0, 2, 1]));
    let tcp = ask_tcp(server.address(), &query(7, None));
    assert_eq!(tcp, udp);
    assert_eq!(server.count("db.test", Type::A, Transport::Udp), 1);
    assert_eq!(server.count("db.test", Type::A, Transport::Tcp), 1);
    assert_eq!(server.queries()[0].name, "dB.test", "as it was written");
}

/// Unknown names do not exist, known ones have no data for other types. The script can change.
#[test]
fn unknown_names() {
    let server = DnsServer::start().unwrap();
    assert_eq!(rcode(&ask_udp(&server, &query(1, None))), 3);
    server.set("db.test", Type::AAAA, Reply::no_data());
    assert_eq!(rcode(&ask_udp(&server, &query(1, None))), 0);
    server.remove("db.test");
    server.set_default(Reply::rcode(Rcode::REFUSED));
    assert_eq!(rcode(&ask_udp(&server, &query(1, None))), 5);
}

/// A reply that is longer than the client accepts, by its OPT record or 512 bytes, is truncated.
#[test]
fn truncates() {
    let server = DnsServer::start().unwrap();
    let many = (0..40).map(|last| Ipv4Addr::new(192, 0, 2, last).into());
    let reply = Reply::addresses(30, many);
    server.set("db.test", Type::A, reply.clone());
    let udp = ask_udp(&server, &query(1, None));
    assert!(is_truncated(&udp) && answers(&udp) == 0);
    assert!(!is_truncated(&ask_udp(&server, &query(1, Some(4096)))));
    assert_eq!(answers(&ask_tcp(server.address(), &query(1, None))), 40);
    let mut liar = reply;
    liar.oversize = true;
    server.set("db.test", Type::A, liar);
    assert_eq!(answers(&ask_udp(&server, &query(1, None))), 40);
}

/// Replies can differ by query and by transport, be delayed or held, and consist of any bytes.
#[test]
fn scripted_replies() {
    let server = DnsServer::start().unwrap();
    let fail = Reply::rcode(Rcode::SERVFAIL);
    server.set_each("db.test", Type::A, [fail, Reply::no_data()]);
    let rcodes = [0; 3].map(|_| rcode(&ask_udp(&server, &query(1, None))));
    assert_eq!(rcodes, [2, 0, 0]);

    server.set_on(Transport::Udp, "db.test", Type::A, Reply::nxdomain());
    assert_eq!(rcode(&ask_udp(&server, &query(1, None))), 3);
    assert_eq!(rcode(&ask_tcp(server.address(), &query(1, None))), 0);

    let server = DnsServer::start().unwrap();
    let delay = Duration::from_millis(5);
    server.set("db.test", Type::A, Reply::no_data().after(delay));
    assert_eq!(rcode(&ask_udp(&server, &query(1, None))), 0);

    server.set("db.test", Type::A, Reply::no_data().held());
    server.forget_queries();
    let client = client(&server);
    client.send(&query(9, None)).unwrap();
    assert!(server.wait_for(1, "db.test", Type::A, LIMIT));
    assert_eq!(server.release("db.test", Type::AAAA), 0);
    assert_eq!(server.release("db.test", Type::A), 1);
    assert_eq!(receive(&client)[..2], [9, 9]);

    server.set("db.test", Type::A, Reply::raw(b"??any octets"));
    assert_eq!(ask_udp(&server, &query(4, None)), b"\x04\x04any octets");
}

/// A silent server sends nothing, and still counts the query.
#[test]
fn silence() {
    let server = DnsServer::start().unwrap();
    server.set("db.test", Type::A, Reply::silence());
    let client = client(&server);
    client.send(&query(1, None)).unwrap();
    assert!(server.wait_for(1, "db.test", Type::A, LIMIT));
    client.set_nonblocking(true).unwrap();
    assert!(client.recv(&mut [0; 16]).is_err());
    assert!(!server.wait_for(2, "db.test", Type::A, Duration::ZERO));
}

/// Dropping the server closes its port and its connections.
#[test]
fn stops() {
    let server = DnsServer::start().unwrap();
    let address = server.address();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    // After one exchange the server has accepted the connection.
    let message = query(1, None);
    let len = (message.len() as u16).to_be_bytes();
    stream.write_all(&[&len[..], &message].concat()).unwrap();
    stream.read_exact(&mut [0; 2]).unwrap();
    drop(server);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(TcpStream::connect(address).is_err());
    UdpSocket::bind(address).expect("the port is free");
}
