//! One request body is read by several attempts of its call.
//!
//! Source: [gRFC A6, memory management](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#memory-management-buffering).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_compat::CompatExt;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use trunkline_runtime::TcpOptions;
use trunkline_sim::Sim;
use trunkline_status::Code;
use trunkline_transport::{
    CallError, Connection, Fate, HttpOptions, IncomingFrame, ReplayBudget, RequestBody,
    ResponseHead, Sent, Upload, handshake,
};

/// The flow-control window of the servers, in bytes: HTTP/2's initial one.
const WINDOW: u64 = 65_535;

/// A request body that the test writes. As any body, it wakes only the task that polled it last.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    frames: VecDeque<Result<Bytes, &'static str>>,
    is_ended: bool,
    waker: Option<Waker>,
}

impl Written {
    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.0.lock().expect("no panic");
        change(&mut queue);
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }

    fn write(&self, data: impl Into<Bytes>) {
        self.change(|queue| queue.frames.push_back(Ok(data.into())));
    }

    fn fail(&self, error: &'static str) {
        self.change(|queue| queue.frames.push_back(Err(error)));
    }

    fn end(&self) {
        self.change(|queue| queue.is_ended = true);
    }
}

impl Body for Written {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut queue = self.0.lock().expect("no panic");
        match queue.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame.map(Frame::data))),
            None if queue.is_ended => Poll::Ready(None),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// What a server does with the requests that it gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    /// Reads the whole request and answers with its data.
    Echoes,
    /// Never reads: the client is blocked once the window is full.
    Blocks,
}

async fn echo(request: Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let mut body = request.into_body();
    let mut all = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    let Ok(mut send) = respond.send_response(Response::new(()), false) else {
        return;
    };
    let _ = send.send_data(all.into(), true);
}

/// A connection to a server of its own.
async fn connect(sim: &Sim, host: u8, server: Server) -> Connection {
    let address = SocketAddr::from(([198, 51, 100, host], 1));
    let mut listener = sim.net().listen(address).expect("a free address");
    let runtime = sim.runtime();
    let tasks = sim.runtime();
    sim.spawn("server", async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let connection = h2::server::handshake(stream.compat()).await;
        let mut connection = connection.expect("HTTP/2");
        let mut blocked = Vec::new();
        while let Some(Ok((request, respond))) = connection.accept().await {
            match server {
                Server::Echoes => tasks.spawn(Box::pin(echo(request, respond))),
                Server::Blocks => blocked.push((request, respond)),
            }
        }
    });
    let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
    let options = HttpOptions::default();
    let stream = stream.expect("a stream");
    let handshake = handshake(stream, &options, Arc::clone(&runtime), |_| ()).await;
    let (connection, driver) = handshake.expect("a connection");
    runtime.spawn(Box::pin(driver));
    connection
}

fn begin(connection: &Connection, body: &RequestBody<Written>) -> Result<Sent<Written>, CallError> {
    let head = Request::post("http://x/s/m").body(()).expect("a request");
    connection.send(head, body)
}

/// Begins an attempt without its upload.
fn begin_by_hand(
    connection: &Connection,
    body: &RequestBody<Written>,
) -> (ResponseHead, Pin<Box<Upload<Written>>>) {
    let sent = begin(connection, body).expect("a stream");
    (sent.response, sent.upload.expect("an upload"))
}

/// Begins an attempt, and spawns its upload.
fn attempt(sim: &Sim, connection: &Connection, body: &RequestBody<Written>) -> ResponseHead {
    let (response, upload) = begin_by_hand(connection, body);
    sim.runtime().spawn(upload);
    response
}

async fn finish(response: ResponseHead) -> Result<Vec<u8>, CallError> {
    let mut incoming = response.await?.into_body();
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|cx| incoming.poll_frame(cx)).await {
        if let IncomingFrame::Data(data) = frame? {
            all.extend_from_slice(&data);
        }
    }
    Ok(all)
}

/// Lets everything run that can.
async fn rest(sim: &Sim) {
    let runtime = sim.runtime();
    let soon = runtime.now() + Duration::from_secs(1);
    runtime.sleep_until(soon).await;
}

/// A body that is pending at first, so that the call is a streaming one.
async fn prepare() -> (Written, RequestBody<Written>) {
    prepare_within(&ReplayBudget::default()).await
}

/// A streaming body that keeps within these limits.
async fn prepare_within(budget: &ReplayBudget) -> (Written, RequestBody<Written>) {
    let written = Written::default();
    let body = RequestBody::prepare(written.clone(), budget).await;
    (written, body.expect("no failure"))
}

/// Returns what a request with these messages takes up.
fn cost(messages: &[usize]) -> usize {
    messages.iter().sum::<usize>() + size_of::<Bytes>() * messages.len()
}

/// Writes `count` messages of `size` bytes, each filled with its number, and returns all bytes.
fn write_messages(written: &Written, count: u8, size: usize) -> Vec<u8> {
    let messages = (0..count).map(|number| vec![number; size]);
    messages
        .inspect(|message| written.write(message.clone()))
        .flatten()
        .collect()
}

/// Two attempts side by side, as with hedging: each sends the whole body, what was read before it
/// began and what is read later.
#[test]
fn two_attempts_side_by_side() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Echoes).await;
        let other = connect(&sim, 2, Server::Echoes).await;
        let (written, body) = prepare().await;
        let mut all = write_messages(&written, 3, 1000);
        let first = attempt(&sim, &one, &body);
        rest(&sim).await;
        assert_eq!(first.bytes_sent(), 3000);
        let second = attempt(&sim, &other, &body);
        for _ in 0..3 {
            rest(&sim).await;
            all.extend(write_messages(&written, 2, 10));
            rest(&sim).await;
            let sent = [first.bytes_sent(), second.bytes_sent()];
            assert_eq!(sent, [all.len() as u64; 2]);
        }
        written.end();
        assert!(finish(first).await.expect("an answer") == all);
        assert!(finish(second).await.expect("an answer") == all);
        assert!(body.can_replay());
        // A third one, when both have ended.
        let third = attempt(&sim, &one, &body);
        assert!(finish(third).await.expect("an answer") == all);
    });
}

/// An attempt that is blocked in flow control holds up no other one.
#[test]
fn an_attempt_beside_a_blocked_one() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Blocks).await;
        let other = connect(&sim, 2, Server::Echoes).await;
        let (written, body) = prepare().await;
        let first = attempt(&sim, &one, &body);
        rest(&sim).await;
        let mut all = write_messages(&written, 5, 20_000);
        rest(&sim).await;
        assert_eq!(first.bytes_sent(), WINDOW);
        let second = attempt(&sim, &other, &body);
        rest(&sim).await;
        all.extend(write_messages(&written, 5, 20_000));
        written.end();
        let second = finish(second);
        assert!(second.await.expect("an answer") == all);
        assert_eq!(first.bytes_sent(), WINDOW);
        assert!(body.can_replay());
    });
}

/// The attempt that the body would wake is dropped, its upload or its response: the other one goes
/// on.
#[test]
fn an_attempt_beside_a_dropped_one() {
    for drops_upload in [false, true] {
        for is_woken_before in [false, true] {
            let sim = Sim::new(1);
            sim.run(async {
                let one = connect(&sim, 1, Server::Echoes).await;
                let other = connect(&sim, 2, Server::Echoes).await;
                let (written, body) = prepare().await;
                written.write("one ");
                let second = attempt(&sim, &other, &body);
                rest(&sim).await;
                // The first one polls the body last.
                let (response, mut upload) = begin_by_hand(&one, &body);
                for _ in 0..2 {
                    let poll = poll_fn(|cx| Poll::Ready(upload.as_mut().poll(cx))).await;
                    assert!(poll.is_pending());
                    rest(&sim).await;
                }
                assert_eq!(response.bytes_sent(), 4);
                if is_woken_before {
                    written.write("two ");
                }
                if drops_upload {
                    drop(upload);
                    let error = finish(response).await.expect_err("half a request");
                    assert_eq!(error.status().code(), Code::Internal);
                } else {
                    drop(response);
                    sim.runtime().spawn(upload);
                }
                rest(&sim).await;
                written.write("three");
                written.end();
                let all = finish(second).await.expect("an answer");
                let expected = if is_woken_before {
                    "one two three"
                } else {
                    "one three"
                };
                assert_eq!(all, expected.as_bytes());
            });
        }
    }
}

/// Once the call is committed, only what an attempt has still to send is kept.
#[test]
fn a_commit_frees_what_was_sent() {
    let sim = Sim::new(1);
    sim.run(async {
        let connection = connect(&sim, 1, Server::Echoes).await;
        let (written, body) = prepare().await;
        let message = Bytes::from(vec![7; 1000]);
        written.write(message.clone());
        let response = attempt(&sim, &connection, &body);
        rest(&sim).await;
        assert!(!message.is_unique());
        body.commit();
        assert!(message.is_unique());
        assert!(!body.can_replay());
        let error = begin(&connection, &body).expect_err("its start is gone");
        assert_eq!(error.fate(), Fate::Unknown);
        // The attempt goes on, also without the request body, and keeps nothing.
        drop(body);
        written.write(message.clone());
        rest(&sim).await;
        assert!(message.is_unique());
        written.end();
        assert_eq!(finish(response).await.expect("an answer").len(), 2000);
    });
}

/// With two attempts, a commit keeps what the slower one has still to send, until that ends.
#[test]
fn a_commit_with_two_attempts() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Blocks).await;
        let other = connect(&sim, 2, Server::Echoes).await;
        let (written, body) = prepare().await;
        let message = Bytes::from(vec![7; 100_000]);
        for _ in 0..2 {
            written.write(message.clone());
        }
        let slow = attempt(&sim, &one, &body);
        let fast = attempt(&sim, &other, &body);
        rest(&sim).await;
        body.commit();
        assert!(!message.is_unique());
        drop(slow);
        rest(&sim).await;
        assert!(message.is_unique());
        written.end();
        assert_eq!(finish(fast).await.expect("an answer").len(), 200_000);
    });
}

/// A call may be committed before its first attempt, which is still made.
#[test]
fn a_commit_before_the_first_attempt() {
    let sim = Sim::new(1);
    sim.run(async {
        let connection = connect(&sim, 1, Server::Echoes).await;
        let (written, body) = prepare().await;
        let all = write_messages(&written, 3, 100);
        written.end();
        body.commit();
        let response = attempt(&sim, &connection, &body);
        assert!(finish(response).await.expect("an answer") == all);
    });
}

/// Over 256 KiB, the call is committed to the attempt that has sent the most messages. The others
/// read nothing any more, so nothing is kept for them; the faster one goes on.
#[test]
fn more_than_is_kept() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Blocks).await;
        let other = connect(&sim, 2, Server::Echoes).await;
        let budget = ReplayBudget::default();
        let (written, body) = prepare_within(&budget).await;
        let slow = begin(&one, &body).expect("a stream");
        let fast = begin(&other, &body).expect("a stream");
        for upload in [slow.upload, fast.upload] {
            sim.runtime().spawn(upload.expect("an upload"));
        }
        let mut all = write_messages(&written, 2, 100_000);
        rest(&sim).await;
        assert!(body.can_replay());
        assert_eq!(budget.used(), cost(&[100_000; 2]));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(body.poll_decisive(&mut cx).is_pending());
        all.extend(write_messages(&written, 1, 100_000));
        rest(&sim).await;
        assert!(!body.can_replay());
        assert_eq!(
            body.poll_decisive(&mut cx).map(Some),
            Poll::Ready(fast.reader)
        );
        assert!(body.is_superseded(slow.reader) && !body.is_superseded(fast.reader));
        assert!(!body.commit_to(slow.reader) && body.commit_to(fast.reader));
        assert_eq!(budget.used(), 0);
        let error = begin(&other, &body).expect_err("its start is gone");
        assert_eq!(error.status().code(), Code::Internal);
        // The slow one has all of its next message in hand.
        assert_eq!(slow.response.bytes_sent(), WINDOW);
        all.extend(write_messages(&written, 6, 100_000));
        written.end();
        assert!(finish(fast.response).await.expect("an answer") == all);
        drop(slow.response);
    });
}

/// An attempt fails when the call is committed to another one. It does not send half a request.
#[test]
fn an_attempt_that_is_too_far_behind() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Echoes).await;
        let other = connect(&sim, 2, Server::Echoes).await;
        let (written, body) = prepare().await;
        let all = write_messages(&written, 5, 100_000);
        written.end();
        // Not polled until the other one has ended.
        let (slow, upload) = begin_by_hand(&one, &body);
        let fast = attempt(&sim, &other, &body);
        assert!(finish(fast).await.expect("an answer") == all);
        sim.runtime().spawn(upload);
        let error = finish(slow).await.expect_err("its data is gone");
        assert_eq!(error.status().code(), Code::Cancelled);
        assert!(error.to_string().contains("another attempt"), "{error}");
    });
}

/// The task of the call is woken when a limit commits the call.
#[test]
fn the_call_is_woken_by_the_limit() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Blocks).await;
        let (written, body) = prepare_within(&ReplayBudget::new(1000, usize::MAX)).await;
        let sent = begin(&one, &body).expect("a stream");
        sim.runtime().spawn(sent.upload.expect("an upload"));
        let reader = sent.reader;
        let writing = async {
            rest(&sim).await;
            write_messages(&written, 1, 1000);
        };
        let deciding = poll_fn(|cx| body.poll_decisive(cx));
        let ((), decisive) = futures_util::future::join(writing, deciding).await;
        assert_eq!(Some(decisive), reader);
    });
}

/// A commit by a response holds, too: an attempt that is ahead cannot take the call over later.
#[test]
fn a_commit_to_an_attempt_that_is_behind() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Blocks).await;
        let other = connect(&sim, 2, Server::Echoes).await;
        let (written, body) = prepare().await;
        let ahead = begin(&one, &body).expect("a stream");
        sim.runtime().spawn(ahead.upload.expect("an upload"));
        let all = write_messages(&written, 3, 10_000);
        rest(&sim).await;
        let behind = begin(&other, &body).expect("a stream");
        assert!(body.commit_to(behind.reader));
        assert!(!body.commit_to(ahead.reader));
        sim.runtime().spawn(behind.upload.expect("an upload"));
        rest(&sim).await;
        assert_eq!(behind.response.bytes_sent(), all.len() as u64);
        let later = write_messages(&written, 40, 10_000);
        written.end();
        let received = finish(behind.response).await.expect("an answer");
        assert!(received == [all, later].concat());
        assert_eq!(ahead.response.bytes_sent(), 30_000);
    });
}

/// All calls share the second limit. The call that exceeds it is committed, the others are not; what
/// a call has kept is given back at its end.
#[test]
fn calls_share_a_limit() {
    let sim = Sim::new(1);
    sim.run(async {
        let server = connect(&sim, 1, Server::Echoes).await;
        let budget = ReplayBudget::new(10_000, cost(&[1000, 1000, 1000]));
        let (written, body) = prepare_within(&budget).await;
        let (others, other_body) = prepare_within(&budget).await;
        let response = attempt(&sim, &server, &body);
        let other = attempt(&sim, &server, &other_body);
        write_messages(&written, 2, 1000);
        write_messages(&others, 1, 1000);
        rest(&sim).await;
        assert_eq!(budget.used(), cost(&[1000, 1000, 1000]));
        assert!(body.can_replay() && other_body.can_replay());
        others.write("x");
        rest(&sim).await;
        assert!(body.can_replay() && !other_body.can_replay());
        // What the committed call kept is free for others.
        assert_eq!(budget.used(), cost(&[1000, 1000]));
        let unary = RequestBody::<Written>::whole(Bytes::from(vec![7; 1000]));
        let reservation = unary.reserve(&budget).expect("room");
        assert_eq!(budget.used(), cost(&[1000, 1000, 1000]));
        assert!(unary.reserve(&budget).is_none(), "over the limit");
        drop(reservation);
        for written in [written, others] {
            written.end();
        }
        drop((body, other_body));
        assert_eq!(finish(response).await.expect("an answer").len(), 2000);
        assert_eq!(finish(other).await.expect("an answer").len(), 1001);
        assert_eq!(budget.used(), 0);
        assert!(unary.reserve(&ReplayBudget::new(999, usize::MAX)).is_none());
        let empty = RequestBody::<Written>::whole(None);
        assert!(empty.reserve(&ReplayBudget::new(0, 0)).is_some());
    });
}

/// The end of a failed attempt and the question whether the call can be sent again are one step: the
/// upload, which may run on another thread, cannot exceed the limit in between.
#[test]
fn a_failed_attempt_reads_no_more() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Echoes).await;
        let (written, body) = prepare().await;
        let failed = begin(&one, &body).expect("a stream");
        assert!(body.rewind(failed.reader));
        let all = write_messages(&written, 5, 100_000);
        written.end();
        sim.runtime().spawn(failed.upload.expect("an upload"));
        rest(&sim).await;
        assert_eq!(failed.response.bytes_sent(), 0);
        assert!(body.can_replay());
        drop(failed.response);
        let next = begin(&one, &body).expect("a stream");
        sim.runtime().spawn(next.upload.expect("an upload"));
        assert!(finish(next.response).await.expect("an answer") == all);
        assert!(
            !body.rewind(next.reader),
            "the limit has committed the call"
        );
    });
}

/// An attempt that was given up reads nothing any more, so that it cannot get ahead of the next.
#[test]
fn an_abandoned_attempt_reads_nothing() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Echoes).await;
        let other = connect(&sim, 2, Server::Echoes).await;
        let (written, body) = prepare().await;
        let (response, upload) = begin_by_hand(&one, &body);
        drop(response);
        let all = write_messages(&written, 5, 100_000);
        written.end();
        sim.runtime().spawn(upload);
        rest(&sim).await;
        assert!(body.can_replay());
        let second = attempt(&sim, &other, &body);
        assert!(finish(second).await.expect("an answer") == all);
    });
}

/// A body that fails fails each attempt that reads it, and the call is not sent again.
#[test]
fn a_body_that_fails() {
    let sim = Sim::new(1);
    sim.run(async {
        let one = connect(&sim, 1, Server::Echoes).await;
        let other = connect(&sim, 2, Server::Echoes).await;
        let (written, body) = prepare().await;
        written.write("one");
        let first = attempt(&sim, &one, &body);
        let second = attempt(&sim, &other, &body);
        rest(&sim).await;
        written.fail("the disk is gone");
        for response in [first, second] {
            let error = finish(response).await.expect_err("half a request");
            assert_eq!(error.status().code(), Code::Internal);
            let text = error.to_string();
            assert!(
                text.contains("the request's body failed: the disk is gone"),
                "{text}"
            );
        }
        assert!(!body.can_replay());
    });
}

/// A unary message is counted when it is handed over, and can be sent as often as its call is not
/// committed.
#[test]
fn a_unary_call_is_sent_again() {
    let sim = Sim::new(1);
    sim.run(async {
        let connection = connect(&sim, 1, Server::Echoes).await;
        let body = RequestBody::<Written>::whole(Bytes::from_static(b"hello"));
        for _ in 0..2 {
            assert!(body.can_replay());
            let sent = begin(&connection, &body).expect("a stream");
            assert!(sent.upload.is_none());
            assert_eq!(sent.response.bytes_sent(), 5);
            assert_eq!(finish(sent.response).await.expect("an answer"), b"hello");
        }
        body.commit();
        assert!(!body.can_replay());
    });
}

/// Attempts begin and are dropped while the body is written, in a hundred random orders: each one
/// that stays gets the whole body.
#[test]
fn any_order_of_attempts() {
    for seed in 0..100 {
        let sim = Sim::new(seed);
        let mut state = seed;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        sim.run(async {
            let connection = connect(&sim, 1, Server::Echoes).await;
            let (written, body) = prepare().await;
            let (mut attempts, mut all) = (Vec::new(), Vec::new());
            for number in 0..30 {
                match random(6) {
                    0 => attempts.push(attempt(&sim, &connection, &body)),
                    1 if !attempts.is_empty() => {
                        let index = random(attempts.len() as u64) as usize;
                        drop(attempts.swap_remove(index));
                    }
                    2 => {
                        // Leaves some tasks in the middle of their work.
                        let runtime = sim.runtime();
                        let soon = runtime.now() + Duration::from_micros(random(2000));
                        runtime.sleep_until(soon).await;
                    }
                    _ => {
                        let message = vec![number; random(4000) as usize];
                        written.write(message.clone());
                        all.extend(message);
                    }
                }
            }
            attempts.push(attempt(&sim, &connection, &body));
            if random(2) == 0 {
                body.commit();
            }
            written.end();
            for response in attempts {
                let data = finish(response).await.expect("an answer");
                assert!(data == all, "seed {seed}");
            }
        });
    }
}
