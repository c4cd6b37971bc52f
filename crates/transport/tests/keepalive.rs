//! Keepalive, in virtual time: when a PING is sent, and when a silent connection is given up.
//!
//! Source: [gRFC A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use http::Request;
use trunkline_runtime::{PeerAddr, Runtime, Stream, TcpOptions};
use trunkline_sim::Sim;
use trunkline_status::Code;
use trunkline_transport::{
    Connection, Fate, HttpOptions, KeepaliveOptions, Lost, LostReason, RequestBody, ResponseHead,
    handshake,
};

/// An empty SETTINGS frame. (RFC 9113 section 6.5)
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// SETTINGS that allow no call: MAX_CONCURRENT_STREAMS is 0.
const NO_CALLS: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0];

/// SETTINGS that allow one call, and at once SETTINGS that allow none.
const ONE_CALL_THEN_NONE: &[u8] = &[
    0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, //
    0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0,
];

/// The header of a PING frame, with and without the flag ACK. (RFC 9113 section 6.7)
const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0];
const PING_ACK: &[u8] = &[0, 0, 8, 6, 1, 0, 0, 0, 0];

/// A PING of the server.
const PING_OF_SERVER: &[u8] = b"\0\0\x08\x06\0\0\0\0\0deadbeef";

/// Server SETTINGS that allow windows of 2^31 - 1, and the window of the connection.
const LARGE_WINDOWS: &[u8] = &[
    0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff, // INITIAL_WINDOW_SIZE
    0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0, 0, // WINDOW_UPDATE
];

const TIME: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);

fn address() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 1))
}

fn options() -> KeepaliveOptions {
    KeepaliveOptions::default()
        .with_time(TIME)
        .with_timeout(TIMEOUT)
}

/// What a peer does.
#[derive(Clone, Copy, Debug)]
struct Peer {
    /// The first bytes that it sends.
    first: &'static [u8],
    /// Whether it reads.
    reads: bool,
    /// Whether it answers PINGs.
    answers: bool,
    /// What it sends every 20 seconds.
    every_20_s: &'static [u8],
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            first: SETTINGS,
            reads: true,
            answers: false,
            every_20_s: b"",
        }
    }
}

/// A connection to a scripted peer, and what was seen of it.
struct Stage {
    sim: Sim,
    connection: Mutex<Option<Connection>>,
    /// The seconds since the handshake at which the peer received a PING.
    pings: Arc<Mutex<Vec<u64>>>,
    lost: Arc<Mutex<Option<Lost>>>,
    at_read: AtRead,
}

fn begin(connection: &Connection, message: Bytes) -> ResponseHead {
    let head = Request::post("http://x/s/m").body(()).expect("a request");
    let body = RequestBody::<()>::whole(message);
    let sent = connection.send(head, &body);
    sent.expect("a stream").response
}

async fn write(stream: &mut Box<dyn Stream>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let write = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes));
        let Ok(n) = write.await else { return };
        bytes = &bytes[n..];
    }
}

/// Reads what comes, records PINGs, and answers them if that is asked. Ends with the connection.
async fn serve(
    mut stream: Box<dyn Stream>,
    peer: Peer,
    runtime: Arc<dyn Runtime>,
    pings: Arc<Mutex<Vec<u64>>>,
) {
    write(&mut stream, peer.first).await;
    let start = runtime.now();
    let mut next = start + Duration::from_secs(20);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if !peer.reads {
            std::future::pending::<()>().await;
        }
        let mut timer = runtime.sleep_until(next);
        let read = poll_fn(|cx| {
            if Pin::new(&mut timer).poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            Pin::new(&mut stream).poll_read(cx, &mut buffer).map(Some)
        });
        let n = match read.await {
            None => {
                next += Duration::from_secs(20);
                write(&mut stream, peer.every_20_s).await;
                continue;
            }
            Some(Ok(n)) if n > 0 => n,
            Some(_) => return,
        };
        let at = buffer[..n].windows(9).position(|frame| frame == PING);
        if let Some(at) = at {
            let payload = buffer[at + 9..at + 17].to_vec();
            let seconds = (runtime.now() - start).as_secs();
            pings.lock().expect("no panic").push(seconds);
            if peer.answers {
                write(&mut stream, &[PING_ACK, &payload].concat()).await;
            }
        }
    }
}

/// What is done within a read of the client, as if by another thread.
type AtRead = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// The client's side of a connection.
struct Client {
    stream: Box<dyn Stream>,
    at_read: AtRead,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let act = self.at_read.lock().expect("no panic").take();
        if let Some(act) = act {
            act();
        }
        Pin::new(&mut self.stream).poll_read(cx, bytes)
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

impl Stream for Client {
    fn peer_addr(&self) -> PeerAddr {
        self.stream.peer_addr()
    }

    fn abort(self: Box<Self>) {
        self.stream.abort();
    }
}

impl Stage {
    fn new(peer: Peer, keepalive: KeepaliveOptions) -> Self {
        let sim = Sim::new(1);
        let mut listener = sim.net().listen(address()).expect("a free address");
        let runtime = sim.runtime();
        let (pings, lost) = (Arc::default(), Arc::new(Mutex::new(None)));
        let (clock, seen) = (Arc::clone(&runtime), Arc::clone(&pings));
        sim.spawn("peer", async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            serve(stream, peer, clock, seen).await;
        });
        let on_lost = {
            let lost = Arc::clone(&lost);
            move |why| *lost.lock().expect("no panic") = Some(why)
        };
        let at_read = AtRead::default();
        let connection = sim.run(async {
            let stream = runtime.connect_tcp(address(), &TcpOptions::default()).await;
            let mut http = HttpOptions::default();
            http.keepalive = keepalive;
            let client = Box::new(Client {
                stream: stream.expect("a stream"),
                at_read: Arc::clone(&at_read),
            });
            let handshake = handshake(client, &http, Arc::clone(&runtime), on_lost).await;
            let (connection, driver) = handshake.expect("a connection");
            runtime.spawn(Box::pin(driver));
            connection
        });
        Self {
            sim,
            connection: Mutex::new(Some(connection)),
            pings,
            lost,
            at_read,
        }
    }

    fn begin(&self, message: Bytes) -> ResponseHead {
        let connection = self.connection.lock().expect("no panic");
        begin(connection.as_ref().expect("open"), message)
    }

    /// Begins a call while the task of the connection polls it.
    fn begin_within_a_poll(&self) -> Arc<Mutex<Option<ResponseHead>>> {
        let connection = self.connection.lock().expect("no panic").clone();
        let response = Arc::new(Mutex::new(None));
        let begun = Arc::clone(&response);
        let begin = move || {
            let response = begin(&connection.expect("open"), Bytes::new());
            *begun.lock().expect("no panic") = Some(response);
        };
        *self.at_read.lock().expect("no panic") = Some(Box::new(begin));
        response
    }

    fn rest(&self, seconds: u64) {
        let runtime = self.sim.runtime();
        let until = runtime.now() + Duration::from_secs(seconds);
        self.sim.run(runtime.sleep_until(until));
    }

    /// Returns when the peer received PINGs. The connection has counted them.
    fn pings(&self) -> Vec<u64> {
        let pings = self.pings.lock().expect("no panic").clone();
        if let Some(connection) = &*self.connection.lock().expect("no panic") {
            assert_eq!(connection.stats().keepalives_sent, pings.len() as u64);
        }
        pings
    }

    fn lost(&self) -> Option<Lost> {
        self.lost.lock().expect("no panic").clone()
    }
}

/// A connection with calls whose peer sends nothing is tested after the time, and given up after the
/// time-out. Its calls end UNAVAILABLE, with a text that names the keepalive, the times and the peer.
#[test]
fn a_silent_connection_is_given_up() {
    let stage = Stage::new(Peer::default(), options());
    let response = stage.begin(Bytes::new());
    stage.rest(34);
    assert_eq!(stage.pings(), [30]);
    assert!(stage.lost().is_none());
    let error = stage.sim.run(response).expect_err("no answer");
    assert_eq!(stage.sim.elapsed().as_secs(), 35);
    assert_eq!(error.status().code(), Code::Unavailable);
    assert_eq!(
        error.status().message(),
        "connection to 198.51.100.1:1 lost: keepalive timed out: nothing came for 30s, and then no \
         answer to a PING within 5s"
    );
    assert_eq!(error.fate(), Fate::Unknown);
    let lost = stage.lost().expect("a loss");
    let (time, timeout) = (TIME, TIMEOUT);
    let reason = LostReason::KeepaliveTimeout { time, timeout };
    assert_eq!(*lost.reason(), reason);
    assert_eq!(
        lost.to_string(),
        "198.51.100.1:1: keepalive timed out: nothing came for 30s, and then no answer to a PING \
         within 5s"
    );
}

/// A call that begins while the task of the connection is polling it is tested like any other, though
/// nothing wakes the task for it.
#[test]
fn a_call_that_begins_within_a_poll_is_tested() {
    let stage = Stage::new(Peer::default(), options());
    let response = stage.begin_within_a_poll();
    stage.rest(40);
    assert!(response.lock().expect("no panic").is_some());
    assert_eq!(stage.pings(), [30]);
    assert!(stage.lost().is_some());
}

/// A call that waits in line because the server allows none tests its connection like any other.
#[test]
fn a_call_in_line_is_preceded_by_a_test() {
    let peer = Peer {
        first: NO_CALLS,
        ..Peer::default()
    };
    let stage = Stage::new(peer, options());
    stage.rest(40);
    let error = stage.sim.run(stage.begin(Bytes::new()));
    let error = error.expect_err("no answer");
    assert_eq!(stage.pings(), [40]);
    assert_eq!(stage.sim.elapsed().as_secs(), 45);
    assert_eq!(error.fate(), Fate::Unsent);
    assert!(error.status().message().contains("keepalive"), "{error}");
}

/// So does a call that waits in line because the flow-control window of the connection is used up.
#[test]
fn a_call_behind_a_closed_window_is_preceded_by_a_test() {
    let stage = Stage::new(Peer::default(), options());
    let in_the_way = stage.begin(Bytes::from(vec![7; 100_000]));
    stage.rest(5);
    drop(in_the_way);
    stage.rest(40);
    let error = stage.sim.run(stage.begin(Bytes::new()));
    let error = error.expect_err("no answer");
    assert_eq!(stage.pings(), [45]);
    assert_eq!(stage.sim.elapsed().as_secs(), 50);
    assert_eq!(error.fate(), Fate::Unsent);
}

/// So does a call that was woken because the server allowed it, and goes back in line because it does not
/// any more. While it is not in line, the connection has no calls, and is not tested.
#[test]
fn a_call_that_goes_back_in_line_is_preceded_by_a_test() {
    let peer = Peer {
        first: NO_CALLS,
        answers: true,
        every_20_s: ONE_CALL_THEN_NONE,
        ..Peer::default()
    };
    let stage = Stage::new(peer, options().with_time(Duration::from_secs(10)));
    stage.rest(12);
    let mut response = stage.begin(Bytes::new());
    let mut is_pending = || {
        let poll = poll_fn(|cx| Poll::Ready(Pin::new(&mut response).poll(cx)));
        stage.sim.run(poll).is_pending()
    };
    assert!(is_pending());
    stage.rest(23);
    assert_eq!(stage.pings(), [12]);
    assert!(is_pending());
    stage.rest(2);
    assert_eq!(stage.pings(), [12, 35]);
}

/// A peer that answers its PINGs keeps its connection, with a PING each time that nothing came.
#[test]
fn an_answer_keeps_the_connection() {
    let peer = Peer {
        answers: true,
        ..Peer::default()
    };
    let stage = Stage::new(peer, options());
    let _response = stage.begin(Bytes::new());
    stage.rest(100);
    assert_eq!(stage.pings(), [30, 60, 90]);
    assert!(stage.lost().is_none());
}

/// Any bytes put the PING off, not only answers to calls.
#[test]
fn other_bytes_put_the_ping_off() {
    let peer = Peer {
        every_20_s: PING_OF_SERVER,
        ..Peer::default()
    };
    let stage = Stage::new(peer, options());
    let _response = stage.begin(Bytes::new());
    stage.rest(110);
    assert_eq!(stage.pings(), [0_u64; 0]);
    assert!(stage.lost().is_none());
}

/// Any byte after the PING counts as an answer: "no byte within the time-out". The next PING follows
/// the time after that byte.
#[test]
fn any_byte_answers_a_ping() {
    let peer = Peer {
        every_20_s: PING_OF_SERVER,
        ..Peer::default()
    };
    let options = KeepaliveOptions::default()
        .with_time(Duration::from_secs(15))
        .with_timeout(Duration::from_secs(6));
    let stage = Stage::new(peer, options);
    let _response = stage.begin(Bytes::new());
    stage.rest(55);
    // h2 has room for one PING without an answer, so the later ones are not sent.
    assert_eq!(stage.pings(), [15]);
    assert!(stage.lost().is_none());
}

/// Without calls, no PING is sent. A call on a connection that was silent for longer than the time is
/// preceded by a PING at once.
#[test]
fn a_connection_without_calls_is_tested_when_a_call_comes() {
    let stage = Stage::new(Peer::default(), options());
    stage.rest(300);
    assert_eq!(stage.pings(), [0_u64; 0]);
    let response = stage.begin(Bytes::new());
    let error = stage.sim.run(response).expect_err("no answer");
    assert_eq!(stage.pings(), [300]);
    assert_eq!(stage.sim.elapsed().as_secs(), 305);
    assert!(error.status().message().contains("keepalive"), "{error}");
}

/// With `without_calls`, a connection that nothing uses is tested too.
#[test]
fn without_calls() {
    let stage = Stage::new(Peer::default(), options().with_without_calls(true));
    stage.rest(40);
    assert_eq!(stage.pings(), [30]);
    let lost = stage.lost().expect("a loss");
    assert!(matches!(
        *lost.reason(),
        LostReason::KeepaliveTimeout { .. }
    ));
    assert!(lost.is_unused());
}

/// A PING that cannot be sent, because the peer reads nothing, is a PING without an answer.
#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let peer = Peer {
        first: LARGE_WINDOWS,
        reads: false,
        ..Peer::default()
    };
    let stage = Stage::new(peer, options());
    let message = Bytes::from(vec![7; 6_000_000]);
    let response = stage.begin(message.clone());
    // A call that waits because the connection is stalled ends too, and was never sent.
    stage.rest(3);
    let waiting = stage.begin(Bytes::new());
    let error = stage.sim.run(response).expect_err("no answer");
    assert_eq!(error.status().code(), Code::Unavailable);
    assert_eq!(stage.sim.elapsed().as_secs(), 35);
    let error = stage.sim.run(waiting).expect_err("no answer");
    assert_eq!(error.fate(), Fate::Unsent);
    assert!(error.status().message().contains("keepalive"), "{error}");
    *stage.connection.lock().expect("no panic") = None;
    stage.rest(1);
    assert!(message.is_unique());
    assert_eq!(
        stage.sim.net().connections(),
        1,
        "only the peer's end is left"
    );
}

/// A path that is cut looks like a silent peer.
#[test]
fn an_unplugged_peer_is_given_up() {
    let peer = Peer {
        answers: true,
        ..Peer::default()
    };
    let stage = Stage::new(peer, options());
    let response = stage.begin(Bytes::new());
    stage.rest(70);
    stage.sim.net().cut(address().ip());
    let error = stage.sim.run(response).expect_err("no answer");
    assert!(error.status().message().contains("keepalive"), "{error}");
    assert_eq!(stage.sim.elapsed().as_secs(), 95);
}

/// Without keepalive a connection whose peer is silent stays.
#[test]
fn off_by_default() {
    let stage = Stage::new(Peer::default(), KeepaliveOptions::default());
    let _response = stage.begin(Bytes::new());
    stage.rest(10_000);
    assert_eq!(stage.pings(), [0_u64; 0]);
    assert!(stage.lost().is_none());
}
