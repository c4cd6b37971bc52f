//! The messages of a request are counted as they are handed to HTTP/2.
//!
//! Source: the sizes of [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md), and
//! the events "Outbound message" of
//! [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md).

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_compat::CompatExt;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{Request, Response};
use http_body::{Body, Frame};
use trunkline_runtime::TcpOptions;
use trunkline_sim::Sim;
use trunkline_transport::{
    Connection, HttpOptions, IncomingFrame, MESSAGE_PREFIX, Message, MessageCounter,
    MessageListener, ReplayBudget, RequestBody, ResponseHead, handshake,
};

/// The flow-control window of the server, in bytes: HTTP/2's initial one.
const WINDOW: u64 = 65_535;

/// A request body whose pieces come one after the other, a second apart.
struct Pieces(BoxStream<'static, Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.0.poll_next_unpin(cx);
        next.map(|next| next.map(|data| Ok(Frame::data(data))))
    }
}

/// A streaming request with these pieces.
async fn streaming(sim: &Sim, pieces: Vec<Bytes>) -> RequestBody<Pieces> {
    let runtime = sim.runtime();
    let pieces = stream::iter(pieces).then(move |piece| {
        let soon = runtime.sleep_until(runtime.now() + Duration::from_secs(1));
        soon.map(|()| piece)
    });
    let body = RequestBody::prepare(Pieces(pieces.boxed()), &ReplayBudget::default()).await;
    body.expect("no failure")
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Message>>);

impl Recorder {
    fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

impl MessageListener for Recorder {
    fn handle_sent(&self, message: Message) {
        self.0.lock().expect("no panic").push(message);
    }
}

/// What a server does with the requests that it gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    /// Reads the whole request and answers with its data.
    Echoes,
    /// Never reads: the client is blocked once the window is full.
    Blocks,
    /// Refuses the first call, and echoes the others.
    RefusesOne,
}

async fn echo(request: Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let mut body = request.into_body();
    let mut all = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    if let Ok(mut send) = respond.send_response(Response::new(()), false) {
        let _ = send.send_data(all.into(), true);
    }
}

/// A connection to a server that allows one call at a time.
async fn connect(sim: &Sim, server: Server) -> Connection {
    let host = server as u8 + 1;
    let address = SocketAddr::from(([198, 51, 100, host], 1));
    let mut listener = sim.net().listen(address).expect("a free address");
    let runtime = sim.runtime();
    let tasks = sim.runtime();
    sim.spawn("server", async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(1);
        let connection = builder.handshake::<_, Bytes>(stream.compat()).await;
        let mut connection = connection.expect("HTTP/2");
        let mut blocked = Vec::new();
        let mut refuses = server == Server::RefusesOne;
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            if server == Server::Blocks {
                blocked.push((request, respond));
            } else if std::mem::take(&mut refuses) {
                respond.send_reset(h2::Reason::REFUSED_STREAM);
            } else {
                tasks.spawn(Box::pin(echo(request, respond)));
            }
        }
    });
    let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
    let (stream, options) = (stream.expect("a stream"), HttpOptions::default());
    let handshake = handshake(stream, &options, Arc::clone(&runtime), |_| ()).await;
    let (connection, driver) = handshake.expect("a connection");
    runtime.spawn(Box::pin(driver));
    connection
}

/// Begins an attempt, and spawns its upload.
fn begin<B>(
    sim: &Sim,
    connection: &Connection,
    body: &RequestBody<B>,
    listener: Option<Arc<dyn MessageListener>>,
) -> ResponseHead
where
    B: Body<Data = Bytes, Error = &'static str> + Send + Unpin + 'static,
{
    let head = Request::post("http://x/s/m").body(()).expect("a request");
    let candidates = || unreachable!("there is room");
    let sent = connection.send_on_any(head, body, listener, candidates);
    let sent = sent.expect("an open connection");
    if let Some(upload) = sent.upload {
        sim.runtime().spawn(upload);
    }
    sent.response
}

/// Lets everything run that can.
async fn rest(sim: &Sim) {
    sim.sleep(Duration::from_secs(60)).await;
}

fn message(flag: u8, bytes: usize) -> Vec<u8> {
    let size = u32::try_from(bytes).expect("a short message");
    let mut message = vec![flag];
    message.extend(size.to_be_bytes());
    message.resize(MESSAGE_PREFIX + bytes, 7);
    message
}

fn fact(sequence: u64, bytes: u32, is_compressed: bool) -> Message {
    Message {
        sequence,
        bytes,
        is_compressed,
    }
}

/// What a response returns of its request: bytes and messages.
fn sent(response: &ResponseHead) -> (u64, u64) {
    (response.bytes_sent(), response.messages_sent())
}

/// A unary call sends one message, or none, or several that the application writes together. Its
/// response has them all, which are counted in the same way.
#[test]
fn a_whole_request() {
    let (one, two) = (message(0, 300), [message(1, 2), message(0, 0)].concat());
    let cases = [
        (None, 0, vec![]),
        (Some(one), 305, vec![fact(0, 300, false)]),
        (Some(two), 12, vec![fact(0, 2, true), fact(1, 0, false)]),
    ];
    let sim = Sim::new(1);
    sim.run(async {
        let connection = connect(&sim, Server::Echoes).await;
        for (data, bytes, messages) in cases {
            let body = RequestBody::<Pieces>::whole(data.map(Bytes::from));
            let recorder = Arc::new(Recorder::default());
            let response = begin(&sim, &connection, &body, Some(recorder.clone()));
            assert_eq!(sent(&response), (bytes, messages.len() as u64));
            assert_eq!(recorder.take(), messages);
            let mut incoming = response.await.expect("an answer").into_body();
            let (mut counter, mut received) = (MessageCounter::default(), Vec::new());
            while let Some(frame) = poll_fn(|cx| incoming.poll_frame(cx)).await {
                if let IncomingFrame::Data(data) = frame.expect("no failure") {
                    counter.handle_data(&data, |message| received.push(message));
                }
            }
            assert_eq!(received, messages);
            assert_eq!(incoming.messages_sent(), messages.len() as u64);
            assert_eq!(incoming.bytes_sent(), bytes);
        }
    });
}

/// A message of a streaming request counts once its prefix is sent, however the data is cut.
#[test]
fn a_streaming_request_in_pieces() {
    let all = [message(0, 10), message(1, 20_000), message(0, 0)].concat();
    let messages = [fact(0, 10, false), fact(1, 20_000, true), fact(2, 0, false)];
    for piece in [1_000, 7, 18, all.len() - 1] {
        let sim = Sim::new(1);
        sim.run(async {
            let connection = connect(&sim, Server::Echoes).await;
            let pieces = all.chunks(piece).map(Bytes::copy_from_slice).collect();
            let body = streaming(&sim, pieces).await;
            let recorder = Arc::new(Recorder::default());
            let response = begin(&sim, &connection, &body, Some(recorder.clone()));
            assert_eq!(sent(&response), (0, 0));
            let incoming = response.await.expect("an answer").into_body();
            assert_eq!(recorder.take(), messages, "in pieces of {piece}");
            assert_eq!(incoming.bytes_sent(), all.len() as u64);
            assert_eq!(incoming.messages_sent(), 3);
        });
    }
}

/// A message that waits for room in the flow-control window does not count until its prefix is sent.
#[test]
fn a_blocked_request() {
    let first = usize::try_from(WINDOW).expect("a small number") - MESSAGE_PREFIX - 3;
    let pieces = vec![message(0, first).into(), message(0, 9).into()];
    let sim = Sim::new(1);
    sim.run(async {
        let connection = connect(&sim, Server::Blocks).await;
        let body = streaming(&sim, pieces).await;
        let recorder = Arc::new(Recorder::default());
        let response = begin(&sim, &connection, &body, Some(recorder.clone()));
        rest(&sim).await;
        // Three bytes of the second prefix have room.
        assert_eq!(sent(&response), (WINDOW, 1));
        let size = u32::try_from(first).expect("a small number");
        assert_eq!(recorder.take(), [fact(0, size, false)]);
    });
}

/// Each attempt of a call counts what it sends itself: the first is refused, the second echoed. A
/// request in line has sent nothing.
#[test]
fn attempts_count_their_own() {
    let sim = Sim::new(1);
    sim.run(async {
        let connection = connect(&sim, Server::RefusesOne).await;
        let pieces = vec![message(0, 1).into(), message(0, 2).into()];
        let body = streaming(&sim, pieces).await;
        let recorders = [Arc::new(Recorder::default()), Arc::new(Recorder::default())];
        let refused = begin(&sim, &connection, &body, Some(recorders[0].clone()));
        refused.await.expect_err("a refusal");
        let response = begin(&sim, &connection, &body, Some(recorders[1].clone()));
        let waiting = connection.send(
            Request::post("http://x/s/m").body(()).expect("a request"),
            &RequestBody::<Pieces>::whole(Bytes::from(message(0, 5))),
        );
        let waiting = waiting.expect("a place in line").response;
        assert!(waiting.is_in_line());
        assert_eq!(sent(&waiting), (0, 0));
        let incoming = response.await.expect("an answer").into_body();
        assert_eq!((incoming.bytes_sent(), incoming.messages_sent()), (13, 2));
        assert_eq!(recorders[0].take(), []);
        let messages = [fact(0, 1, false), fact(1, 2, false)];
        assert_eq!(recorders[1].take(), messages);
        drop(incoming);
        let incoming = waiting.await.expect("an answer").into_body();
        assert_eq!((incoming.bytes_sent(), incoming.messages_sent()), (10, 1));
    });
}

/// Attempts side by side, as with hedging, count their own too. One is blocked, and dropped after the other
/// was answered.
#[test]
fn attempts_side_by_side() {
    let sizes = [10, 70_000, 3];
    let pieces = sizes.map(|bytes| Bytes::from(message(0, bytes))).to_vec();
    let all = sizes.iter().sum::<usize>() + 3 * MESSAGE_PREFIX;
    let sim = Sim::new(1);
    sim.run(async {
        let connections = [
            connect(&sim, Server::Blocks).await,
            connect(&sim, Server::Echoes).await,
        ];
        let body = streaming(&sim, pieces).await;
        let recorders = [Arc::new(Recorder::default()), Arc::new(Recorder::default())];
        let [blocked, answered] = [0, 1].map(|attempt| {
            let listener: Arc<dyn MessageListener> = recorders[attempt].clone();
            begin(&sim, &connections[attempt], &body, Some(listener))
        });
        let incoming = answered.await.expect("an answer").into_body();
        let facts = [
            fact(0, 10, false),
            fact(1, 70_000, false),
            fact(2, 3, false),
        ];
        assert_eq!(
            (incoming.bytes_sent(), incoming.messages_sent()),
            (all as u64, 3)
        );
        assert_eq!(recorders[1].take(), facts);
        assert_eq!(sent(&blocked), (WINDOW, 2));
        drop(blocked);
        rest(&sim).await;
        assert_eq!(recorders[0].take(), facts[..2]);
    });
}
