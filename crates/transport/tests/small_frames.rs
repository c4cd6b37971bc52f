//! Small DATA frames that the application has not read take memory of the size of their data.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_io::AsyncWrite;
use http::Request;
use trunkline_runtime::TcpOptions;
use trunkline_sim::Sim;
use trunkline_transport::{HttpOptions, IncomingFrame, RequestBody, handshake};

/// An empty SETTINGS frame. (RFC 9113 section 6.5)
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// HEADERS on stream 1 with `:status: 200` and END_HEADERS. (RFC 9113 section 6.2)
const HEAD: &[u8] = &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];

/// A frame of a type that is not known, and gets no answer. (RFC 9113 section 5.5)
const UNKNOWN: &[u8] = &[0, 0, 0, 0xfa, 0, 0, 0, 0, 0];

/// How many DATA frames of one byte the server sends.
const FRAMES: usize = 60_000;

async fn write(stream: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let n = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes)).await;
        bytes = &bytes[n.expect("an open stream")..];
    }
}

/// Sends DATA frames of one byte, each followed by `between`, which the application reads late.
/// Checks that it gets all bytes, in few pieces: h2 keeps each piece in some 250 bytes of memory.
fn check(between: &'static [u8]) {
    let sim = Sim::new(1);
    let address = SocketAddr::from(([198, 51, 100, 1], 1));
    let mut listener = sim.net().listen(address).expect("a free address");
    let runtime = sim.runtime();
    let clock = sim.runtime();
    sim.spawn("peer", async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        write(&mut stream, SETTINGS).await;
        clock
            .sleep_until(clock.now() + Duration::from_secs(1))
            .await;
        let mut bytes = HEAD.to_vec();
        for number in 0..FRAMES {
            bytes.extend([0, 0, 1, 0, 0, 0, 0, 0, 1, number as u8]);
            bytes.extend(between);
        }
        // END_STREAM.
        bytes.extend([0, 0, 0, 0, 1, 0, 0, 0, 1]);
        write(&mut stream, &bytes).await;
        std::future::pending::<()>().await;
    });
    sim.run(async {
        let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
        let stream = stream.expect("a stream");
        let options = HttpOptions::default();
        let handshake = handshake(stream, &options, Arc::clone(&runtime), |_| ()).await;
        let (connection, driver) = handshake.expect("a connection");
        runtime.spawn(Box::pin(driver));
        let head = Request::post("http://x/s/m").body(()).expect("a request");
        let body = RequestBody::<()>::whole(Bytes::new());
        let sent = connection.send(head, &body).expect("a stream");
        let mut incoming = sent.response.await.expect("a response").into_body();
        runtime
            .sleep_until(runtime.now() + Duration::from_secs(60))
            .await;
        let (mut pieces, mut all) = (0, Vec::new());
        while let Some(frame) = poll_fn(|cx| incoming.poll_frame(cx)).await {
            if let IncomingFrame::Data(data) = frame.expect("data") {
                pieces += 1;
                all.extend_from_slice(&data);
            }
        }
        assert!(all == (0..FRAMES).map(|number| number as u8).collect::<Vec<_>>());
        assert!(pieces < FRAMES / 30, "{pieces} pieces");
    });
}

/// Frames of one byte are joined, whatever frames come in between.
#[test]
fn small_frames_are_joined() {
    check(b"");
    check(UNKNOWN);
}
