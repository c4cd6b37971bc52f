//! The numbers of a connection are those of the frames that its server sees.
//!
//! Source: `SocketData` of [gRFC A14](https://github.com/grpc/proposal/blob/master/A14-channelz.md).

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_compat::CompatExt;
use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use h2::server::SendResponse;
use http::{Request, Response};
use http_body_util::Empty;
use trunkline_runtime::{PeerAddr, Stream, TcpOptions};
use trunkline_sim::Sim;
use trunkline_transport::{
    Connection, ConnectionStats, HttpOptions, IncomingFrame, RequestBody, ResponseHead, handshake,
};

/// The number of bytes that a client sends before its first frame. (RFC 9113 section 3.4)
const PREFACE: usize = 24;

/// The types of frames. (RFC 9113 section 6)
const DATA: u8 = 0;
const WINDOW_UPDATE: u8 = 8;

/// The window of a connection at its start. (RFC 9113 section 6.9.2)
const FIRST_WINDOW: i64 = 65_535;

/// The window that the client opens for the connection.
const WINDOW: u32 = 100_000;

fn address() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 50_051))
}

/// All bytes of a connection, as the server has them.
#[derive(Clone, Debug, Default)]
struct Capture(Arc<Mutex<[Vec<u8>; 2]>>);

/// The directions of a capture.
const TO_SERVER: usize = 0;
const TO_CLIENT: usize = 1;

/// A frame: its type, stream and payload.
type CapturedFrame = (u8, u32, Vec<u8>);

impl Capture {
    fn add(&self, direction: usize, bytes: &[u8]) {
        self.0.lock().expect("no panic")[direction].extend_from_slice(bytes);
    }

    fn bytes(&self, direction: usize) -> usize {
        self.0.lock().expect("no panic")[direction].len()
    }

    /// Returns the frames that have come whole.
    fn frames(&self, direction: usize) -> Vec<CapturedFrame> {
        let bytes = self.0.lock().expect("no panic")[direction].clone();
        let skipped = if direction == TO_SERVER { PREFACE } else { 0 };
        let mut rest = &bytes[skipped..];
        let mut frames = Vec::new();
        while let Some((&[a, b, c, kind, _, stream @ ..], after)) = rest.split_first_chunk::<9>() {
            let len = u32::from_be_bytes([0, a, b, c]) as usize;
            let stream = u32::from_be_bytes(stream);
            frames.push((kind, stream, after[..len].to_vec()));
            rest = &after[len..];
        }
        frames
    }

    /// Returns the window of the connection for data in `direction`.
    fn window(&self, direction: usize) -> u32 {
        let data: i64 = (self.frames(direction).iter())
            .filter(|(kind, ..)| *kind == DATA)
            .map(|(_, _, payload)| payload.len() as i64)
            .sum();
        let granted: i64 = (self.frames(1 - direction).iter())
            .filter(|(kind, stream, _)| *kind == WINDOW_UPDATE && *stream == 0)
            .map(|(_, _, payload)| {
                let increment = payload[..].try_into().expect("four bytes");
                i64::from(u32::from_be_bytes(increment))
            })
            .sum();
        u32::try_from(FIRST_WINDOW + granted - data).expect("an open window")
    }
}

/// The server's end of a connection, with a copy of all bytes.
#[derive(Debug)]
struct Tap {
    stream: Box<dyn Stream>,
    capture: Capture,
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.capture.add(TO_SERVER, &buffer[..n]);
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.capture.add(TO_CLIENT, &bytes[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// Answers a call by its path.
async fn answer(request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) {
    let (head, mut body) = request.into_parts();
    let fails = Response::builder().header("grpc-status", "5").body(());
    let fails = fails.expect("a response");
    match head.uri.path() {
        "/s/echo" => {
            let mut all = Vec::new();
            while let Some(Ok(data)) = body.data().await {
                let _ = body.flow_control().release_capacity(data.len());
                all.extend_from_slice(&data);
            }
            if let Ok(mut send) = respond.send_response(Response::new(()), false) {
                let _ = send.send_data(all.into(), true);
            }
        }
        "/s/fail" => drop(respond.send_response(fails, true)),
        "/s/refuse" => respond.send_reset(h2::Reason::REFUSED_STREAM),
        // It has answered before the request has ended.
        "/s/early" => {
            let _ = respond.send_response(fails, true);
            std::future::pending().await
        }
        _ => std::future::pending().await,
    }
}

/// A client with one connection, and what its server sees.
struct Stage {
    sim: Sim,
    connection: Connection,
    capture: Capture,
}

impl Stage {
    /// A server that allows two calls at a time.
    fn new() -> Self {
        let sim = Sim::new(1);
        let capture = Capture::default();
        let (tasks, seen) = (sim.runtime(), capture.clone());
        let mut listener = sim.net().listen(address()).expect("a free address");
        sim.spawn("server", async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let stream = Tap {
                stream,
                capture: seen,
            };
            let mut builder = h2::server::Builder::new();
            builder.max_concurrent_streams(2);
            let connection = builder.handshake::<_, Bytes>(stream.compat()).await;
            let mut connection = connection.expect("HTTP/2");
            while let Some(Ok((request, respond))) = connection.accept().await {
                tasks.spawn(Box::pin(answer(request, respond)));
            }
        });
        let connection = connect(&sim);
        Self {
            sim,
            connection,
            capture,
        }
    }

    fn begin(&self, path: &str, message: impl Into<Option<Bytes>>) -> ResponseHead {
        begin(&self.connection, path, message)
    }

    /// Lets everything run that can, then compares the numbers with what the server has seen.
    fn check(&self, [started, succeeded, failed]: [u64; 3], last_start: Option<Duration>) {
        self.sim.run(self.sim.sleep(Duration::from_secs(1)));
        let mut expected = ConnectionStats::new(address().into());
        expected.local_addr = Some(PeerAddr::Ip(([192, 0, 2, 1], 32_768).into()));
        expected.streams_started = started;
        expected.streams_succeeded = succeeded;
        expected.streams_failed = failed;
        let now = self.sim.runtime().now();
        let start = now.checked_sub(self.sim.elapsed()).expect("an instant");
        expected.last_stream_started = last_start.map(|after| start + after);
        expected.bytes_sent = self.capture.bytes(TO_SERVER) as u64;
        expected.bytes_received = self.capture.bytes(TO_CLIENT) as u64;
        expected.frames_sent = self.capture.frames(TO_SERVER).len() as u64;
        expected.frames_received = self.capture.frames(TO_CLIENT).len() as u64;
        expected.max_concurrent_streams = Some(2);
        expected.send_window = self.capture.window(TO_SERVER);
        expected.receive_window = self.capture.window(TO_CLIENT);
        assert_eq!(self.connection.stats(), expected);
    }
}

fn connect(sim: &Sim) -> Connection {
    let runtime = sim.runtime();
    sim.run(async {
        let stream = runtime.connect_tcp(address(), &TcpOptions::default()).await;
        let options = HttpOptions::default().with_connection_window(WINDOW);
        let stream = stream.expect("a stream");
        let handshake = handshake(stream, &options, Arc::clone(&runtime), |_| ()).await;
        let (connection, driver) = handshake.expect("a connection");
        runtime.spawn(Box::pin(driver));
        connection
    })
}

fn begin(connection: &Connection, path: &str, message: impl Into<Option<Bytes>>) -> ResponseHead {
    let head = Request::post(format!("http://x/s/{path}")).body(());
    let body = RequestBody::<Empty<Bytes>>::whole(message);
    let sent = connection.send(head.expect("a request"), &body);
    sent.expect("an open connection").response
}

/// Reads a response to its end. Returns the number of bytes of its data.
async fn finish(response: ResponseHead) -> usize {
    let mut incoming = response.await.expect("a head").into_body();
    let mut bytes = 0;
    while let Some(frame) = poll_fn(|cx| incoming.poll_frame(cx)).await {
        if let IncomingFrame::Data(data) = frame.expect("no failure") {
            bytes += data.len();
        }
    }
    bytes
}

fn message(bytes: usize) -> Bytes {
    vec![0; bytes].into()
}

/// Calls that are answered succeed, whatever their status. What goes by is counted in both directions,
/// and both windows are those of the frames.
#[test]
fn calls_that_are_answered() {
    let stage = Stage::new();
    stage.check([0, 0, 0], None);
    assert_eq!(stage.connection.stats().receive_window, WINDOW);
    for (number, bytes) in (1..).zip([5, 40_000, 300_000]) {
        let begun = stage.sim.elapsed();
        let response = stage.begin("echo", message(bytes));
        assert_eq!(stage.sim.run(finish(response)), bytes);
        stage.check([number, number, 0], Some(begun));
    }
    let begun = stage.sim.elapsed();
    let response = stage.begin("fail", None);
    assert_eq!(stage.sim.run(finish(response)), 0);
    stage.check([4, 4, 0], Some(begun));
}

/// Streams that are reset have failed, by either side. A call in line has no stream.
#[test]
fn calls_that_are_reset() {
    let stage = Stage::new();
    let begun = stage.sim.elapsed();
    let refused = stage.begin("refuse", message(5));
    let error = stage.sim.run(refused).expect_err("a refusal");
    assert_eq!(error.status().code(), trunkline_status::Code::Unavailable);
    stage.check([1, 0, 1], Some(begun));
    let begun = stage.sim.elapsed();
    let waiting = [(); 4].map(|()| stage.begin("wait", message(5)));
    stage.check([3, 0, 1], Some(begun));
    assert_eq!(stage.connection.stats().streams_open(), 2);
    let [sent, other, mut queued, dropped] = waiting;
    assert!(queued.is_in_line() && dropped.is_in_line());
    drop((sent, dropped));
    stage.check([3, 0, 2], Some(begun));
    let begun = stage.sim.elapsed();
    let poll = poll_fn(|cx| Poll::Ready(Pin::new(&mut queued).poll(cx).is_pending()));
    assert!(stage.sim.run(poll) && !queued.is_in_line());
    stage.check([4, 0, 2], Some(begun));
    drop((other, queued));
    stage.check([4, 0, 4], Some(begun));
    assert_eq!(stage.connection.stats().streams_open(), 0);
}

/// A call that is dropped after the server's END_STREAM has succeeded, although this side resets the
/// stream.
#[test]
fn a_call_that_is_answered_early() {
    let stage = Stage::new();
    let begun = stage.sim.elapsed();
    // More than the window: the request cannot end.
    let response = stage.begin("early", message(100_000));
    let response = stage.sim.run(response).expect("an answer");
    assert!(response.body().is_empty());
    stage.check([1, 0, 0], Some(begun));
    drop(response);
    stage.check([1, 1, 0], Some(begun));
}

/// A GOAWAY ends the streams that it excludes, and the loss of the connection the others. The numbers
/// stay.
#[test]
fn a_connection_that_is_lost() {
    /// SETTINGS, then a GOAWAY with ENHANCE_YOUR_CALM after the stream 1.
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GO_AWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 11];
    const SECOND: Duration = Duration::from_secs(1);
    let sim = Sim::new(1);
    let mut listener = sim.net().listen(address()).expect("a free address");
    let clock = sim.runtime();
    sim.spawn("server", async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        for bytes in [SETTINGS, GO_AWAY] {
            let written = poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, bytes)).await;
            assert_eq!(written.expect("room"), bytes.len());
            clock.sleep_until(clock.now() + 10 * SECOND).await;
        }
    });
    let connection = connect(&sim);
    let calls = [(); 3].map(|()| begin(&connection, "wait", message(5)));
    let numbers = || {
        let stats = connection.stats();
        let streams = [
            stats.streams_started,
            stats.streams_succeeded,
            stats.streams_failed,
        ];
        (streams, stats.streams_open(), stats.go_away)
    };
    sim.run(sim.sleep(5 * SECOND));
    assert_eq!(numbers(), ([3, 0, 0], 3, None));
    sim.run(sim.sleep(10 * SECOND));
    assert_eq!(numbers(), ([3, 0, 2], 1, Some(11)));
    sim.run(sim.sleep(10 * SECOND));
    assert_eq!(numbers(), ([3, 0, 3], 0, Some(11)));
    for call in calls {
        sim.run(call).expect_err("a lost call");
    }
}
