//! Hedging of calls whose request streams: each attempt sends all of the request, from what is kept of
//! it.
//!
//! Source: [gRFC A6, memory management](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#memory-management-buffering).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_channel::Receiver;
use bytes::Bytes;
use futures_util::future::join;
use h2::Reason;
use h2::server::Builder;
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::bodies::{messages, open_body};
use crate::hedging::{HEDGING, channel};
use crate::raw::{self, ServerEvent, answer_ok, go_away, settings};
use crate::world::{ServerCall, call, ok_trailers, request, response_head, send_all, serve, unary};

/// How a server handles the first attempt, which it never answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Reads,
    /// Reads nothing in the first 600 ms.
    ReadsLate,
}

/// How a server ends the second attempt, a second after it has read all of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Second {
    SendsBack,
    Fails,
}

/// The first attempt, as a server has received it.
#[derive(Debug, PartialEq, Eq)]
struct Unanswered {
    bytes: usize,
    reset: Option<Reason>,
}

async fn read(incoming: &mut ServerCall) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(Ok(data)) = incoming.body.data().await {
        let _ = incoming.body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    all
}

/// Starts a server of one call. Returns the number of attempts that it has received, and the first of
/// them once that is reset.
fn server(sim: &Sim, first: First, second: Second) -> (Arc<AtomicUsize>, Receiver<Unanswered>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let (send, unanswered) = async_channel::unbounded();
    let (runtime, counter) = (sim.runtime(), Arc::clone(&calls));
    let mut http2 = Builder::new();
    // A stream that is not read does not hold up the others.
    http2.initial_connection_window_size(1 << 24);
    serve(sim, 1, http2, move |mut incoming| {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        let (send, runtime) = (send.clone(), Arc::clone(&runtime));
        async move {
            let after = |millis| runtime.sleep_until(runtime.now() + Duration::from_millis(millis));
            if number == 0 {
                if first == First::ReadsLate {
                    after(600).await;
                }
                let bytes = read(&mut incoming).await.len();
                let reset = std::future::poll_fn(|cx| incoming.respond.poll_reset(cx)).await;
                let reset = reset.ok();
                send.try_send(Unanswered { bytes, reset }).expect("room");
                return;
            }
            let all = read(&mut incoming).await;
            after(1000).await;
            let mut head = response_head();
            if second == Second::Fails {
                Status::unavailable("scripted").add_to_trailers(head.headers_mut());
                let _ = incoming.respond.send_response(head, true);
                return;
            }
            let mut send = incoming.respond.send_response(head, false).expect("open");
            send_all(&mut send, all.into()).await.expect("a reader");
            let _ = send.send_trailers(ok_trailers());
        }
    });
    (calls, unanswered)
}

/// Each attempt gets the messages from before its start, and those that the application writes later.
/// The attempt that is not answered is reset with CANCEL.
#[test]
fn each_attempt_sends_the_whole_request() {
    let sim = Sim::new(1);
    let (calls, unanswered) = server(&sim, First::Reads, Second::SendsBack);
    let config = HEDGING.replace(r#""maxAttempts": 3"#, r#""maxAttempts": 2"#);
    let channel = channel(&sim, 1, &config);
    let (send, body) = open_body();
    let first = sim.run(async {
        let write = async {
            for text in ["one ", "two ", "three"] {
                send.try_send(Bytes::from(text)).expect("room");
                sim.sleep(Duration::from_millis(300)).await;
            }
            drop(send);
        };
        let (result, ()) = join(call(&channel, request(body)), write).await;
        assert_eq!(result.expect_ok().data, "one two three");
        unanswered.recv().await
    });
    let expected = Unanswered {
        bytes: 13,
        reset: Some(Reason::CANCEL),
    };
    assert_eq!(first, Ok(expected));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

/// A request that exceeds the limit commits the call to the attempt that has sent the most messages.
/// The others are cancelled, no further one starts, and the call succeeds.
#[test]
fn a_long_request_goes_on_with_the_fastest_attempt() {
    let sim = Sim::new(1);
    let (calls, unanswered) = server(&sim, First::ReadsLate, Second::SendsBack);
    let channel = channel(&sim, 1, HEDGING);
    let (body, all) = messages(10, 100_000);
    let first = sim.run(async {
        let result = call(&channel, request(body)).await;
        assert!(result.expect_ok().data == all);
        unanswered.recv().await
    });
    let first = first.expect("an attempt");
    assert_eq!(first.reset, Some(Reason::CANCEL));
    assert!(first.bytes < all.len(), "{first:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

/// After that commit, the call ends with the status of that attempt, also if another attempt could
/// follow otherwise.
#[test]
fn the_fastest_attempt_of_a_long_request_decides() {
    let sim = Sim::new(1);
    let (calls, _unanswered) = server(&sim, First::ReadsLate, Second::Fails);
    let channel = channel(&sim, 1, HEDGING);
    let (body, _) = messages(10, 100_000);
    let result = sim.run(call(&channel, request(body)));
    result.expect(Code::Unavailable, &["scripted"]);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

/// When the first message alone exceeds the limit, the call is not hedged.
#[test]
fn a_message_over_the_limit_is_sent_once() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |_, event| {
        let window = raw::one_setting(raw::INITIAL_WINDOW_SIZE, 1 << 20);
        Some(match event {
            ServerEvent::Accepted => [window, raw::window_update(1 << 20)].concat(),
            ServerEvent::Call(_) => Vec::new(),
        })
    });
    let channel = channel(&sim, 1, HEDGING);
    let (body, _) = messages(1, 300_000);
    let request = crate::world::with_timeout(request(body), "5S");
    let result = sim.run(call(&channel, request));
    result.expect(Code::DeadlineExceeded, &["198.51.100.1:50051"]);
    assert_eq!(counts.calls(), 1);
}

/// A hedged attempt that a GOAWAY excludes is made again on another connection, and does not count
/// towards `maxAttempts`. The attempt before it goes on. (gRFC A6, transparent retries)
#[test]
fn a_goaway_excludes_a_hedged_attempt() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |connection, event| {
        Some(match (connection, event) {
            (_, ServerEvent::Accepted) => settings(),
            (0, ServerEvent::Call(1)) => Vec::new(),
            (0, ServerEvent::Call(_)) => go_away(1, Reason::NO_ERROR, b""),
            (_, ServerEvent::Call(stream)) => answer_ok(stream),
        })
    });
    let config = HEDGING.replace(r#""maxAttempts": 3"#, r#""maxAttempts": 2"#);
    let channel = channel(&sim, 1, &config);
    sim.run(async { unary(&channel, b"hello").await.expect_ok() });
    assert_eq!((counts.accepts(), counts.calls()), (2, 3));
}
