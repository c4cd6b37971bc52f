//! The failure of a handshake, and the loss of a connection, keep what caused them.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_io::AsyncWrite;
use trunkline_runtime::TcpOptions;
use trunkline_sim::Sim;
use trunkline_transport::{
    Connection, ConnectionDriver, HandshakeError, HandshakeErrorKind, HttpOptions, Lost,
    LostReason, handshake,
};

/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A GOAWAY frame: last stream 0, ENHANCE_YOUR_CALM (11), the debug data "calm".
const GO_AWAY: &[u8] = b"\0\0\x0c\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0bcalm";

/// A SETTINGS frame whose length is not a multiple of six.
const BROKEN_SETTINGS: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0, 0, 0];

type Handshake = Result<(Connection, ConnectionDriver), HandshakeError>;

async fn write(stream: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let write =
            std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_write(cx, bytes));
        let n = write.await.expect("an open stream");
        bytes = &bytes[n..];
    }
}

/// Connects to a peer that writes the first bytes at once and the others a second later, and then
/// keeps the stream open, or closes it.
async fn connect(
    sim: &Sim,
    [at_once, later]: [&'static [u8]; 2],
    closes: bool,
    on_lost: impl FnOnce(Lost) + Send + 'static,
) -> Handshake {
    let address = SocketAddr::from(([198, 51, 100, 1], 1));
    let mut listener = sim.net().listen(address).expect("a free address");
    let runtime = sim.runtime();
    let clock = Arc::clone(&runtime);
    sim.spawn("peer", async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        write(&mut stream, at_once).await;
        let later_at = clock.now() + Duration::from_secs(1);
        clock.sleep_until(later_at).await;
        write(&mut stream, later).await;
        if !closes {
            std::future::pending::<()>().await;
        }
    });
    let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
    let stream = stream.expect("a stream");
    handshake(stream, &HttpOptions::default(), runtime, on_lost).await
}

/// The kind of a failed handshake is a value, and the frame or error behind it is kept.
#[test]
fn a_failed_handshake_has_a_kind() {
    let settings_then_closed = [SETTINGS, GO_AWAY].concat().leak();
    let cases: [(&'static [u8], _); 6] = [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            HandshakeErrorKind::Http1,
        ),
        (&[21, 3, 3, 0, 2, 2, 40], HandshakeErrorKind::Tls),
        (b"SSH-2.0-OpenSSH_9.9\r\n", HandshakeErrorKind::NotHttp2),
        (settings_then_closed, HandshakeErrorKind::GoAway),
        (b"", HandshakeErrorKind::Io),
        (BROKEN_SETTINGS, HandshakeErrorKind::NotHttp2),
    ];
    for (bytes, kind) in cases {
        let sim = Sim::new(1);
        let error = sim.run(connect(&sim, [bytes, b""], true, |_| ()));
        let error = error.expect_err("no HTTP/2");
        assert_eq!(error.kind(), kind, "{error}");
        let go_away = error
            .go_away()
            .map(|frame| (frame.code(), frame.debug_data()));
        let expected = (kind == HandshakeErrorKind::GoAway).then_some((11, &b"calm"[..]));
        assert_eq!(go_away, expected, "{error}");
        if kind == HandshakeErrorKind::Io {
            let source = error.source().expect("a source");
            assert!(source.is::<io::Error>(), "{source:?}");
        }
    }
}

/// The reason of a loss is a value; the age counts from the handshake.
#[test]
fn a_loss_has_a_reason() {
    let cases: [(&'static [u8], fn(&LostReason) -> bool); 4] = [
        (GO_AWAY, |reason| match reason {
            LostReason::GoAway(frame) => (frame.code(), frame.debug_data()) == (11, b"calm"),
            _ => false,
        }),
        // A DATA frame on stream 0 breaks HTTP/2 (RFC 9113 section 6.1).
        (&[0, 0, 0, 0, 0, 0, 0, 0, 0], |reason| {
            *reason == LostReason::Protocol { code: Some(1) }
        }),
        (b"", |reason| {
            *reason == LostReason::Io(io::ErrorKind::ConnectionReset)
        }),
        (b"", |reason| *reason == LostReason::TaskDropped),
    ];
    for (number, (bytes, is_expected)) in cases.into_iter().enumerate() {
        let sim = Sim::new(1);
        let runtime = sim.runtime();
        let lost = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&lost);
        sim.run(async {
            let on_lost = move |why| *seen.lock().expect("no panic") = Some(why);
            let handshake = connect(&sim, [SETTINGS, bytes], true, on_lost).await;
            let (connection, driver) = handshake.expect("a connection");
            if number == 3 {
                drop(driver);
            } else {
                runtime.spawn(Box::pin(driver));
            }
            let waits = connection.established() + Duration::from_secs(5);
            runtime.sleep_until(waits).await;
        });
        let lost = lost.lock().expect("no panic").take().expect("a loss");
        assert!(is_expected(lost.reason()), "{lost:?}");
        assert!(lost.is_unused(), "{lost:?}");
        let age = if number == 3 { 0 } else { 1 };
        assert_eq!(lost.age().as_secs(), age, "{lost:?}");
    }
}
