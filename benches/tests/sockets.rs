//! A connection counts when its server has answered.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use trunkline_benches::sockets::answered;

/// The only test of this program, so that no other one has connections.
#[test]
fn a_connection_counts_when_its_server_has_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut client = TcpStream::connect(address).expect("a connection");
    assert_eq!(answered(), 0, "it waits in the server's queue");
    let (mut server, _) = listener.accept().expect("a connection");
    server.write_all(b"hello").expect("sent");
    client.read_exact(&mut [0; 5]).expect("an answer");
    assert_eq!(answered(), 1, "the client has read its answer");
    client.write_all(b"hello").expect("sent");
    server.read_exact(&mut [0; 5]).expect("a request");
    assert_eq!(answered(), 2, "the server's end is of this process too");
    drop(client);
    assert_eq!(server.read(&mut [0]).expect("the end"), 0);
    assert_eq!(answered(), 0);
}
