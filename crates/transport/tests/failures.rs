//! The failure of a handshake, and the loss of a connection, keep what caused them.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_io::AsyncWrite;
use http::Request;
use trunkline_runtime::TcpOptions;
use trunkline_sim::Sim;
use trunkline_transport::{
    Connection, ConnectionDriver, Fate, HandshakeError, HandshakeErrorKind, HttpOptions, Lost,
    LostReason, RequestBody, handshake,
};

/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// Error codes. (RFC 9113 section 7)
const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A GOAWAY frame: last stream 0, ENHANCE_YOUR_CALM, the debug data "calm".
const GO_AWAY: &[u8] = b"\0\0\x0c\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0bcalm";

/// GOAWAY frames with NO_ERROR: one that excludes every call, one that includes the first, and one
/// that excludes none.
const NO_CALLS: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";
const FIRST_CALL: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0";
const ALL_CALLS: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0";

/// A SETTINGS frame whose length is not a multiple of six.
const BROKEN_SETTINGS: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0, 0, 0];

/// A DATA frame on stream 0, which breaks HTTP/2. (RFC 9113 section 6.1)
const DATA_ON_STREAM_0: &[u8] = &[0; 9];

/// SETTINGS with one setting: MAX_CONCURRENT_STREAMS is 100. (RFC 9113 section 6.5)
const ONE_SETTING: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100];

/// HEADERS on stream 1 with `:status: 200`, END_STREAM and END_HEADERS. (RFC 9113 section 6.2)
const HEADERS: &[u8] = &[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88];

/// SETTINGS that allow no call: MAX_CONCURRENT_STREAMS is 0. (RFC 9113 section 6.5.2)
const NO_STREAMS: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0];

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
/// closes the stream.
async fn connect(
    sim: &Sim,
    [at_once, later]: [&'static [u8]; 2],
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
    });
    let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
    let stream = stream.expect("a stream");
    handshake(stream, &HttpOptions::default(), runtime, on_lost).await
}

/// The kind of a failed handshake is a value, and the frame or error behind it is kept.
#[test]
fn a_failed_handshake_has_a_kind() {
    let settings_and_go_away = [SETTINGS, GO_AWAY].concat().leak();
    let cases: [(&'static [u8], _); 6] = [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            HandshakeErrorKind::Http1,
        ),
        (&[21, 3, 3, 0, 2, 2, 40], HandshakeErrorKind::Tls),
        (b"SSH-2.0-OpenSSH_9.9\r\n", HandshakeErrorKind::NotHttp2),
        (settings_and_go_away, HandshakeErrorKind::GoAway),
        (b"", HandshakeErrorKind::Io),
        (BROKEN_SETTINGS, HandshakeErrorKind::NotHttp2),
    ];
    for (bytes, kind) in cases {
        let sim = Sim::new(1);
        let error = sim.run(connect(&sim, [bytes, b""], |_| ()));
        let error = error.expect_err("no HTTP/2");
        assert_eq!(error.kind(), kind, "{error}");
        let go_away = error
            .go_away()
            .map(|frame| (frame.code(), frame.debug_data()));
        let expected =
            (kind == HandshakeErrorKind::GoAway).then_some((ENHANCE_YOUR_CALM, &b"calm"[..]));
        assert_eq!(go_away, expected, "{error}");
        if kind == HandshakeErrorKind::Io {
            let source = error.source().expect("a source");
            assert!(source.is::<io::Error>(), "{source:?}");
        }
    }
}

/// A server is ready when its SETTINGS have come whole. (RFC 9113 section 3.4)
#[test]
fn a_handshake_waits_for_whole_settings() {
    for header in [1, 9, ONE_SETTING.len() - 1] {
        let sim = Sim::new(1);
        let started = sim.runtime().now();
        let pieces = [&ONE_SETTING[..header], &ONE_SETTING[header..]];
        let handshake = sim.run(connect(&sim, pieces, |_| ()));
        let (connection, _) = handshake.expect("a connection");
        let waited = connection.established() - started;
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}

/// Loses a connection a second after its handshake: the server writes `bytes` then, and closes the
/// stream. Or the driver is dropped at once.
fn lose(bytes: &'static [u8], drops_driver: bool) -> Lost {
    lose_with([SETTINGS, bytes], drops_driver, 0)
}

/// As [`lose`], with what the server writes at once and a second later, and with calls that begin at
/// once.
fn lose_with(bytes: [&'static [u8]; 2], drops_driver: bool, calls: usize) -> Lost {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    let lost = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&lost);
    sim.run(async {
        let on_lost = move |lost| *seen.lock().expect("no panic") = Some(lost);
        let handshake = connect(&sim, bytes, on_lost).await;
        let (connection, driver) = handshake.expect("a connection");
        let begin = |_| {
            let head = Request::post("http://x/s/m").body(()).expect("a request");
            connection.send(head, &RequestBody::<()>::whole(None))
        };
        let _calls: Vec<_> = (0..calls).map(begin).collect();
        if drops_driver {
            drop(driver);
        } else {
            runtime.spawn(Box::pin(driver));
        }
        let later = connection.established() + Duration::from_secs(5);
        runtime.sleep_until(later).await;
    });
    let lost = lost.lock().expect("no panic").take();
    lost.expect("a loss")
}

/// The reason of a loss is a value.
#[test]
fn a_loss_has_a_reason() {
    let reason = |bytes| lose(bytes, false).reason().clone();
    let LostReason::GoAway(go_away) = reason(GO_AWAY) else {
        panic!("no GOAWAY");
    };
    assert_eq!(go_away.code(), ENHANCE_YOUR_CALM);
    assert_eq!(go_away.debug_data(), b"calm");
    let code = Some(PROTOCOL_ERROR);
    assert_eq!(reason(DATA_ON_STREAM_0), LostReason::Protocol { code });
    let reset = io::ErrorKind::ConnectionReset;
    assert_eq!(reason(b""), LostReason::Io(reset));
    assert_eq!(*lose(b"", true).reason(), LostReason::TaskDropped);
}

/// A loss keeps the error of the stream, and the time since the handshake.
#[test]
fn a_loss_has_a_source_and_an_age() {
    let lost = lose(b"", false);
    let source = lost.source().expect("a source");
    let error = source.downcast_ref::<io::Error>();
    assert_eq!(
        error.map(io::Error::kind),
        Some(io::ErrorKind::ConnectionReset)
    );
    assert_eq!(lost.age().as_secs(), 1);
    assert!(lost.is_unused());
    assert_eq!(lose(b"", true).age(), Duration::ZERO);
}

/// A connection does not count as used because of HEADERS that answer no call. If it did, the
/// client would connect to the server again at once, without end.
#[test]
fn headers_without_a_call_are_no_answer() {
    assert!(lose(HEADERS, false).is_unused());
}

/// A GOAWAY right after the SETTINGS that excludes no call is the loss of a connection; one that
/// excludes every call is a failure.
#[test]
fn an_orderly_goaway_after_the_settings_is_a_loss() {
    let bytes = [SETTINGS, ALL_CALLS].concat().leak();
    let lost = lose_with([bytes, b""], false, 0);
    assert!(matches!(lost.reason(), LostReason::GoAway(_)), "{lost}");
    assert_eq!(lost.age(), Duration::ZERO);
    assert!(lost.is_unused());
    let bytes = [SETTINGS, NO_CALLS].concat().leak();
    let sim = Sim::new(1);
    let error = sim.run(connect(&sim, [bytes, b""], |_| ()));
    let error = error.expect_err("a failure");
    assert_eq!(error.kind(), HandshakeErrorKind::GoAway, "{error}");
}

/// A connection counts as used when an orderly GOAWAY (`NO_ERROR`) includes a call, even if no
/// response has begun. It counts as unused when the GOAWAY refuses the call, or when there was no
/// call.
#[test]
fn an_orderly_goaway_that_includes_a_call_is_no_refusal() {
    for (bytes, calls, is_unused) in [
        (FIRST_CALL, 1, false),
        (ALL_CALLS, 2, false),
        (NO_CALLS, 1, true),
        (GO_AWAY, 1, true),
        (ALL_CALLS, 0, true),
    ] {
        let lost = lose_with([SETTINGS, bytes], false, calls);
        assert_eq!(lost.is_unused(), is_unused, "{lost}, {calls} calls");
    }
}

/// The error for a first frame that is not SETTINGS names the frame; that for a GOAWAY has its code
/// and debug data. The peer breaks HTTP/2, and does not count as one that speaks another protocol.
/// (RFC 9113 section 3.4)
#[test]
fn a_wrong_first_frame_is_named() {
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
    const GO_AWAY_99: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x63";
    for (bytes, kind, text) in [
        (
            GO_AWAY,
            HandshakeErrorKind::GoAway,
            "the peer takes no calls: it said GOAWAY (ENHANCE_YOUR_CALM, \"calm\") before its HTTP/2 \
             SETTINGS",
        ),
        (
            GO_AWAY_99,
            HandshakeErrorKind::GoAway,
            "the peer takes no calls: it said GOAWAY (error code 99 (0x63)) before its HTTP/2 SETTINGS",
        ),
        (
            PING,
            HandshakeErrorKind::Protocol,
            "the peer's first HTTP/2 frame is PING, and must be SETTINGS",
        ),
    ] {
        let sim = Sim::new(1);
        let error = sim.run(connect(&sim, [bytes, b""], |_| ()));
        let error = error.expect_err("no SETTINGS");
        assert_eq!((error.kind(), &*error.to_string()), (kind, text));
    }
}

/// A call that waits for room learns that its connection was lost, and was never sent.
#[test]
fn a_queued_call_learns_of_the_loss() {
    for later in [GO_AWAY, b"", DATA_ON_STREAM_0] {
        let sim = Sim::new(1);
        let runtime = sim.runtime();
        sim.run(async {
            let handshake = connect(&sim, [NO_STREAMS, later], |_| ()).await;
            let (connection, driver) = handshake.expect("a connection");
            runtime.spawn(Box::pin(driver));
            let head = Request::post("http://x/s/m").body(());
            let head = head.expect("a request");
            let body = RequestBody::<()>::whole(bytes::Bytes::from_static(b"hello"));
            let sent = connection.send(head, &body).expect("a place in line");
            let error = sent.response.await.expect_err("no room");
            assert_eq!(error.fate(), Fate::Unsent, "{error}");
        });
    }
}
