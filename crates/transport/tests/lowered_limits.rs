//! A server lowers its limit of concurrent calls while a call is about to be sent.
//!
//! Source: [RFC 9113 section 5.1.2](https://www.rfc-editor.org/rfc/rfc9113#section-5.1.2).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use http::Request;
use http_body::{Body, Frame};
use trunkline_runtime::{PeerAddr, Stream};
use trunkline_sim::Sim;
use trunkline_status::Code;
use trunkline_transport::{
    Connection, HttpOptions, ReplayBudget, RequestBody, ResponseHead, Sent, handshake,
};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;

const PREFACE: usize = 24;
const FRAME_HEADER: usize = 9;

/// A byte stream of which the test is the other end.
#[derive(Clone, Debug, Default)]
struct Peer(Arc<Mutex<Bytestream>>);

#[derive(Debug, Default)]
struct Bytestream {
    incoming: Vec<u8>,
    written: Vec<u8>,
    reader: Option<Waker>,
}

impl Peer {
    /// Sends bytes that the client finds when it reads next.
    fn send(&self, bytes: &[u8]) {
        let mut stream = self.0.lock().expect("no panic");
        stream.incoming.extend_from_slice(bytes);
    }

    /// Makes the client read.
    fn wake(&self) {
        let reader = self.0.lock().expect("no panic").reader.take();
        reader.expect("a client that reads").wake();
    }

    /// Returns the type and the stream of each frame that the client wrote on a stream.
    fn frames(&self) -> Vec<(u8, u32)> {
        let stream = self.0.lock().expect("no panic");
        let mut rest = &stream.written[PREFACE..];
        let mut frames = Vec::new();
        while let [a, b, c, kind, _, id @ ..] = rest {
            let id = u32::from_be_bytes(id[..4].try_into().expect("a frame header"));
            let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if id > 0 {
                frames.push((*kind, id));
            }
            rest = &rest[FRAME_HEADER + len..];
        }
        frames
    }
}

impl Stream for Peer {
    fn peer_addr(&self) -> PeerAddr {
        PeerAddr::Ip(SocketAddr::from(([198, 51, 100, 1], 1)))
    }

    fn abort(self: Box<Self>) {}
}

impl AsyncRead for Peer {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut stream = self.0.lock().expect("no panic");
        if stream.incoming.is_empty() {
            stream.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = buffer.len().min(stream.incoming.len());
        for (place, byte) in buffer.iter_mut().zip(stream.incoming.drain(..n)) {
            *place = byte;
        }
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut stream = self.0.lock().expect("no panic");
        stream.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a short payload");
    let mut frame = len.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// SETTINGS_MAX_CONCURRENT_STREAMS.
fn limit(calls: u8) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, calls])
}

/// A response without a body: END_STREAM and END_HEADERS, and `:status: 200`.
fn answer(stream: u32) -> Vec<u8> {
    frame(HEADERS, 5, stream, &[0x88])
}

/// A request body that has some messages and never ends, or that fails at the second poll.
enum Messages {
    Left(usize),
    Failing { was_polled: bool },
}

impl Body for Messages {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Self::Left(0) => Poll::Pending,
            Self::Left(left) => {
                *left -= 1;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[7; 1000])))))
            }
            Self::Failing { was_polled: true } => Poll::Ready(Some(Err("the disk is gone"))),
            Self::Failing { was_polled } => {
                *was_polled = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// The requests of the calls.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Empty,
    Unary,
    Long,
    Streaming,
    Failing,
}

async fn begin(sim: &Sim, connection: &Connection, kind: Kind) -> ResponseHead {
    let body = match kind {
        Kind::Empty => RequestBody::whole(None),
        Kind::Unary => RequestBody::whole(Some(Bytes::from_static(&[7; 1000]))),
        Kind::Long => RequestBody::whole(Some(Bytes::from_static(&[7; 5000]))),
        Kind::Streaming => RequestBody::prepare(Messages::Left(5), &ReplayBudget::default())
            .await
            .expect("a body"),
        Kind::Failing => {
            let body = Messages::Failing { was_polled: false };
            RequestBody::prepare(body, &ReplayBudget::default())
                .await
                .expect("a body")
        }
    };
    let head = Request::post("http://x/s/m").body(()).expect("a request");
    let Sent {
        response, upload, ..
    } = connection.send(head, &body).expect("a stream");
    if let Some(upload) = upload {
        sim.runtime().spawn(upload);
    }
    response
}

/// Lets all tasks run.
async fn rest(sim: &Sim) {
    let runtime = sim.runtime();
    runtime
        .sleep_until(runtime.now() + Duration::from_millis(1))
        .await;
}

/// Makes a call, then, at the same moment, the server lowers its limit to 1 and two more calls begin.
/// `end` gets the responses of those, after the connection has tried to send it if `is_tried`. Then
/// the first call is answered, and a last one begins.
///
/// Returns the types and streams of the frames that the client wrote.
fn frames_of(
    kind: Kind,
    is_tried: bool,
    end: impl AsyncFnOnce(&Sim, [ResponseHead; 2]),
) -> Vec<(u8, u32)> {
    let sim = Sim::new(1);
    let peer = Peer::default();
    peer.send(&limit(3));
    sim.run(async {
        let (stream, options) = (Box::new(peer.clone()), HttpOptions::default());
        let made = handshake(stream, &options, sim.runtime(), |_| ()).await;
        let (connection, driver) = made.expect("a connection");
        sim.runtime().spawn(Box::pin(driver));
        let first = begin(&sim, &connection, Kind::Empty).await;
        rest(&sim).await;
        peer.send(&limit(1));
        // The calls are admitted, and the task that sends them reads the new limit first.
        let second = begin(&sim, &connection, kind).await;
        let third = begin(&sim, &connection, kind).await;
        if is_tried {
            rest(&sim).await;
            assert_eq!(peer.frames(), [(HEADERS, 1)], "{kind:?}");
        }
        end(&sim, [second, third]).await;
        rest(&sim).await;
        peer.send(&answer(1));
        peer.wake();
        first.await.expect("an answer");
        rest(&sim).await;
        let _last = begin(&sim, &connection, Kind::Empty).await;
        rest(&sim).await;
        peer.frames()
    })
}

/// A reset is never the first frame of a stream, and the last call is sent.
const EXPECTED: [(u8, u32); 6] = [
    (HEADERS, 1),
    (HEADERS, 3),
    (RST_STREAM, 3),
    (HEADERS, 5),
    (RST_STREAM, 5),
    (HEADERS, 7),
];

/// A call that ends before it is sent leaves no place behind, so the next call is sent.
#[test]
fn a_call_that_is_dropped_leaves_its_place() {
    for kind in [Kind::Empty, Kind::Unary, Kind::Streaming] {
        for is_tried in [false, true] {
            let frames = frames_of(kind, is_tried, async |_, calls| drop(calls));
            assert_eq!(frames, EXPECTED, "{kind:?}, {is_tried}");
        }
    }
}

/// A request body that fails before its call is sent ends that call at once.
#[test]
fn a_call_whose_body_fails_leaves_its_place() {
    let frames = frames_of(Kind::Failing, true, async |sim, calls| {
        let results = Arc::<Mutex<Vec<_>>>::default();
        for call in calls {
            let results = Arc::clone(&results);
            sim.spawn("reader", async move {
                let error = call.await.expect_err("a body that fails");
                let status = error.into_status();
                results.lock().expect("no panic").push(status);
            });
        }
        rest(sim).await;
        let results = results.lock().expect("no panic");
        assert_eq!(results.len(), 2);
        for status in &*results {
            assert_eq!(status.code(), Code::Internal);
            assert!(status.message().contains("the disk is gone"), "{status}");
        }
    });
    assert_eq!(frames, EXPECTED);
}

/// Returns a connection to a peer with this limit.
async fn connect(sim: &Sim, peer: &Peer, calls: u8) -> Connection {
    peer.send(&limit(calls));
    let (stream, options) = (Box::new(peer.clone()), HttpOptions::default());
    let made = handshake(stream, &options, sim.runtime(), |_| ()).await;
    let (connection, driver) = made.expect("a connection");
    sim.runtime().spawn(Box::pin(driver));
    connection
}

/// As many calls as the limit are sent, also where they begin together, and the next one once there is
/// room.
#[test]
fn calls_up_to_the_limit_are_sent() {
    let sim = Sim::new(1);
    let peer = Peer::default();
    sim.run(async {
        let connection = connect(&sim, &peer, 2).await;
        let first = begin(&sim, &connection, Kind::Empty).await;
        let _second = begin(&sim, &connection, Kind::Unary).await;
        let third = begin(&sim, &connection, Kind::Empty).await;
        assert!(third.is_in_line());
        sim.spawn("third", async move {
            let _ = third.await;
        });
        rest(&sim).await;
        let headers = |frames: Vec<(u8, u32)>| {
            let headers = frames.into_iter().filter(|(kind, _)| *kind == HEADERS);
            headers.map(|(_, stream)| stream).collect::<Vec<_>>()
        };
        assert_eq!(headers(peer.frames()), [1, 3]);
        peer.send(&answer(1));
        peer.wake();
        first.await.expect("an answer");
        rest(&sim).await;
        assert_eq!(headers(peer.frames()), [1, 3, 5]);
    });
}

/// A call that fills the limit is cancelled when it is dropped, though no other one follows.
#[test]
fn a_call_that_fills_the_limit_is_cancelled() {
    for kind in [Kind::Empty, Kind::Streaming] {
        let sim = Sim::new(1);
        let peer = Peer::default();
        let frames = sim.run(async {
            let connection = connect(&sim, &peer, 1).await;
            let call = begin(&sim, &connection, kind).await;
            rest(&sim).await;
            drop(call);
            rest(&sim).await;
            peer.frames()
        });
        assert_eq!(frames.first(), Some(&(HEADERS, 1)), "{kind:?}");
        assert_eq!(frames.last(), Some(&(RST_STREAM, 1)), "{kind:?}");
    }
}

/// A server that answers a call before it has let all of the request be sent is not sent the rest. The
/// call is reset, so the place of its stream is free for the next one.
///
/// Source: [RFC 9113 section 8.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.1).
#[test]
fn an_answer_before_the_end_of_the_request_frees_the_place() {
    let sim = Sim::new(1);
    let peer = Peer::default();
    // SETTINGS_MAX_CONCURRENT_STREAMS is 1, SETTINGS_INITIAL_WINDOW_SIZE is 0.
    let settings = [0, 3, 0, 0, 0, 1, 0, 4, 0, 0, 0, 0];
    peer.send(&frame(SETTINGS, 0, 0, &settings));
    let frames = sim.run(async {
        let (stream, options) = (Box::new(peer.clone()), HttpOptions::default());
        let made = handshake(stream, &options, sim.runtime(), |_| ()).await;
        let (connection, driver) = made.expect("a connection");
        sim.runtime().spawn(Box::pin(driver));
        rest(&sim).await;
        let first = begin(&sim, &connection, Kind::Long).await;
        rest(&sim).await;
        peer.send(&answer(1));
        peer.wake();
        drop(first.await.expect("an answer"));
        rest(&sim).await;
        let second = begin(&sim, &connection, Kind::Empty).await;
        sim.spawn("second", async move {
            let _ = second.await;
        });
        rest(&sim).await;
        peer.frames()
    });
    assert_eq!(frames, [(HEADERS, 1), (RST_STREAM, 1), (HEADERS, 3)]);
}
