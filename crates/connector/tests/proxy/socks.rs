//! SOCKS 5: RFC 1928, RFC 1929.

use std::io::ErrorKind;

use futures_util::io::AsyncReadExt;
use trunkline_sim::Sim;

use crate::world::{Step, connect, exchange, failure, start};

fn write(bytes: &[u8]) -> Step {
    Step::Write(bytes.to_vec())
}

/// The proxy gets the name. What it sends right after its reply belongs to the tunnel.
#[test]
fn a_tunnel_is_made() {
    let sim = Sim::new(1);
    let script = [
        Step::Read,
        write(b"\x05\x02"),
        Step::Read,
        write(b"\x01\x00"),
        Step::Read,
        write(b"\x05\x00\x00\x01\x0a\0\0\x01\x04\x38first "),
        Step::Echo,
    ];
    let seen = start(&sim, script);
    let connected = connect(&sim, "socks5://user:pass@192.0.2.8:3128").expect("a tunnel");
    exchange(&sim, connected, b"then", b"first then");
    let expected = b"\x05\x02\x00\x02\x01\x04user\x04pass\x05\x01\x00\x03\x0borders.test\x01\xbb";
    assert_eq!(*seen.lock().expect("no panic"), expected);
}

/// A proxy may send its replies before it is asked: none is lost, and the tunnel begins after them.
#[test]
fn replies_may_come_early() {
    let sim = Sim::new(1);
    let replies = b"\x05\x02\x01\x00\x05\x00\x00\x01\x0a\0\0\x01\x04\x38first";
    let script = [
        Step::Read,
        write(replies),
        Step::Read,
        Step::Read,
        Step::Echo,
    ];
    start(&sim, script);
    let connected = connect(&sim, "socks5://user:pass@192.0.2.8:3128").expect("a tunnel");
    let mut stream = connected.stream;
    sim.run(async {
        let mut first = [0; 5];
        stream
            .read_exact(&mut first)
            .await
            .expect("the first bytes");
        assert_eq!(&first, b"first");
    });
}

/// The text of a failure has the meaning of the reply.
#[test]
fn refusals_are_explained() {
    let proxy = "the proxy socks5://192.0.2.8:3128";
    for (script, kind, text) in [
        (
            vec![
                Step::Read,
                write(b"\x05\x00"),
                Step::Read,
                write(b"\x05\x02\x00\x01\0\0\0\0\0\0"),
            ],
            ErrorKind::ConnectionRefused,
            "did not connect to orders.test:443: connection not allowed by its rules",
        ),
        (
            vec![Step::Read, write(b"\x05\xff")],
            ErrorKind::PermissionDenied,
            "wants authentication; give a user and a password in its URL",
        ),
        (
            vec![Step::Read, write(b"HTTP/1.1 400 Bad Request\r\n\r\n")],
            ErrorKind::InvalidData,
            "did not send a SOCKS 5 reply; it sent: \"HTTP/1.1 400 Bad Request\\r\\n\\r\\n\"",
        ),
        (
            vec![Step::Read],
            ErrorKind::UnexpectedEof,
            "closed the connection before it answered",
        ),
        (
            vec![Step::Hang],
            ErrorKind::TimedOut,
            "did not answer in 15s for orders.test:443",
        ),
    ] {
        let sim = Sim::new(1);
        start(&sim, script);
        let failed = failure(connect(&sim, "socks5h://192.0.2.8:3128"));
        assert_eq!(failed, (kind, format!("{proxy} {text}")));
    }
}
