//! Transparent retries of streaming calls: a call that no server acted on is sent again, with the
//! part of its request that was already sent.
//!
//! Source: [gRFC A6, transparent retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::stream;
use h2::Reason;
use h2::server::Builder;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use tower_service::Service;
use trunkline_channel::Channel;
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::bodies::{Frames, frames, messages, open_body};
use crate::raw::{
    self, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, ServerEvent, answer_ok, go_away, grpc_head,
    one_setting, reset, window_update,
};
use crate::world::{
    self, CallResult, ServerCall, ServerCounts, address, builder, call, echo, ok_trailers,
    read_to_end, request, response_head, serve, unary, with_timeout,
};

/// Returns SETTINGS that allow one call at a time.
fn one_call_at_a_time() -> Vec<u8> {
    one_setting(MAX_CONCURRENT_STREAMS, 1)
}

/// Returns SETTINGS and a WINDOW_UPDATE that let the client send 1 MiB at once.
fn wide_windows() -> Vec<u8> {
    const MIB: u32 = 1 << 20;
    [one_setting(INITIAL_WINDOW_SIZE, MIB), window_update(MIB)].concat()
}

/// Returns a channel to two servers, with their counts: the first accepts one connection and
/// answers calls on it with `answer`; the second serves calls with `handler`.
fn two_servers<F: Future<Output = ()> + Send + 'static>(
    sim: &Sim,
    settings: Vec<u8>,
    answer: fn(u32) -> Vec<u8>,
    handler: fn(ServerCall) -> F,
) -> (Channel, Arc<ServerCounts>, Arc<ServerCounts>) {
    let first = raw::serve(sim, 1, move |connection, event| match event {
        _ if connection > 0 => None,
        ServerEvent::Accepted => Some(settings.clone()),
        ServerEvent::Call(stream) => Some(answer(stream)),
    });
    let second = serve(sim, 2, Builder::new(), handler);
    let target = format!("ipv4:{},{}", address(1), address(2));
    let channel = builder(sim, target).build().expect("a channel");
    (channel, first, second)
}

/// Makes a streaming call on a connection that allows one call at a time and has one already.
async fn call_behind_another(sim: &Sim, channel: &Channel, body: Frames) -> CallResult {
    channel.connect().expect("a runtime");
    sim.sleep(Duration::from_millis(10)).await;
    let streaming = call(channel, request(body));
    let (unary, streamed) = join(unary(channel, b"hello"), streaming).await;
    unary.expect_ok();
    streamed
}

/// A call that still waits for MAX_CONCURRENT_STREAMS when a GOAWAY arrives is sent again: nothing
/// of it was written, however much of its body h2 has buffered.
#[test]
fn a_stream_that_was_not_written_is_sent_again() {
    for (count, size) in [(1, 10), (20, 1000), (30, 1), (5, 40_000)] {
        let sim = Sim::new(1);
        let answer = |id| [go_away(1, Reason::NO_ERROR, b""), answer_ok(id)].concat();
        let (channel, first, second) = two_servers(&sim, one_call_at_a_time(), answer, echo);
        let (body, all) = messages(count, size);
        let outcome = sim.run(call_behind_another(&sim, &channel, body));
        assert!(outcome.expect_ok().data == all, "{count} of {size}");
        assert_eq!((first.calls(), second.calls()), (1, 1));
    }
}

/// A call on a stream after the GOAWAY's last one is sent again, though a part of it was written:
/// the server has not acted on it.
#[test]
fn a_stream_that_a_goaway_excludes_is_sent_again() {
    for (count, size) in [(1, 10), (20, 1000), (2, 100_000)] {
        let sim = Sim::new(1);
        let (channel, first, second) = two_servers(
            &sim,
            wide_windows(),
            |_| go_away(0, Reason::NO_ERROR, b""),
            echo,
        );
        let (body, all) = messages(count, size);
        let outcome = sim.run(call(&channel, request(body)));
        assert!(outcome.expect_ok().data == all, "{count} of {size}");
        assert_eq!((first.calls(), second.calls()), (1, 1));
    }
}

/// Messages that the application writes after a retry go to the server of the new attempt.
#[test]
fn later_messages_go_to_the_new_attempt() {
    let sim = Sim::new(1);
    let (channel, ..) = two_servers(
        &sim,
        wide_windows(),
        |_| go_away(0, Reason::NO_ERROR, b""),
        echo,
    );
    let (send, body) = open_body();
    sim.run(async {
        let write = async {
            for text in ["one ", "two ", "three"] {
                send.try_send(Bytes::from(text)).expect("room");
                sim.sleep(Duration::from_millis(3)).await;
            }
            drop(send);
        };
        let (outcome, ()) = join(call(&channel, request(body)), write).await;
        assert_eq!(outcome.expect_ok().data, "one two three");
    });
}

/// A call that has sent more than 256 KiB of its request is not sent again, and ends with the
/// status of its attempt.
#[test]
fn a_stream_that_sent_too_much_is_not_sent_again() {
    let sim = Sim::new(1);
    let (channel, first, second) = two_servers(
        &sim,
        wide_windows(),
        |_| go_away(0, Reason::NO_ERROR, b"bye"),
        echo,
    );
    let (body, _) = messages(3, 100_000);
    let outcome = sim.run(call(&channel, request(body)));
    outcome.expect(Code::Unavailable, &["198.51.100.1:50051", "bye"]);
    assert_eq!((first.calls(), second.calls()), (1, 0));
}

/// Empty messages count towards the 256 KiB, too: each takes memory.
#[test]
fn empty_messages_count_towards_the_limit() {
    let sim = Sim::new(1);
    let (channel, _, second) = two_servers(
        &sim,
        wide_windows(),
        |_| go_away(0, Reason::NO_ERROR, b"bye"),
        echo,
    );
    let empty = stream::repeat_with(|| Ok(Frame::data(Bytes::new()))).take(100_000);
    let body: Frames = StreamBody::new(empty.boxed());
    let outcome = sim.run(call(&channel, request(body)));
    outcome.expect(Code::Unavailable, &["bye"]);
    assert_eq!(second.calls(), 0);
}

/// A call whose response has begun is not sent again: the server may have acted on it.
#[test]
fn an_answered_stream_is_not_sent_again() {
    let sim = Sim::new(1);
    let answer = |id| [grpc_head(id), go_away(0, Reason::NO_ERROR, b"bye")].concat();
    let (channel, first, second) = two_servers(&sim, wide_windows(), answer, echo);
    let (body, _) = messages(2, 1000);
    let outcome = sim.run(call(&channel, request(body)));
    outcome.expect(Code::Unavailable, &["bye"]);
    assert_eq!((first.calls(), second.calls()), (1, 0));
}

/// Once the head of the response has arrived, the call keeps nothing of its request.
#[test]
fn an_answered_call_keeps_nothing_of_its_request() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = world::channel(&sim, 1);
    let message = Bytes::from(vec![7; 1000]);
    sim.run(async {
        for ends in [false, true] {
            let (send, body) = open_body();
            send.try_send(message.clone()).expect("room");
            let open = (!ends).then_some(send);
            let Ok(response) = channel.clone().call(request(body)).await;
            sim.sleep(Duration::from_millis(10)).await;
            assert!(message.is_unique(), "{ends}");
            drop(open);
            assert!(read_to_end(response).await.expect_ok().data == message);
        }
    });
}

/// When the caller drops an answered call whose request is idle, the server receives CANCEL.
#[test]
fn dropping_an_answered_call_resets_its_stream() {
    let sim = Sim::new(1);
    let (resets, received) = async_channel::unbounded();
    serve(&sim, 1, Builder::new(), move |mut incoming| {
        let resets = resets.clone();
        async move {
            let mut send = incoming
                .respond
                .send_response(response_head(), false)
                .expect("open");
            let reset = std::future::poll_fn(|cx| send.poll_reset(cx)).await;
            resets.try_send(reset.expect("a reset")).expect("room");
        }
    });
    let channel = world::channel(&sim, 1);
    let (_open, body) = open_body();
    let reset = sim.run(async {
        let Ok(response) = channel.clone().call(request(body)).await;
        sim.sleep(Duration::from_millis(10)).await;
        drop(response);
        received.recv().await
    });
    assert_eq!(reset, Ok(Reason::CANCEL));
}

/// A whole response to a request that is still open frees the stream for the next call.
#[test]
fn a_whole_response_frees_the_stream_of_an_open_request() {
    async fn refuse(mut incoming: ServerCall) {
        let mut answer = response_head();
        answer.headers_mut().extend(ok_trailers());
        incoming.respond.send_response(answer, true).expect("open");
        // The server goes on reading, because the client must end the stream.
        while let Some(Ok(_)) = incoming.body.data().await {}
    }
    let sim = Sim::new(1);
    let mut http2 = Builder::new();
    http2.max_concurrent_streams(1);
    let counts = serve(&sim, 1, http2, refuse);
    let channel = world::channel(&sim, 1);
    sim.run(async {
        let ((_one, first), (_other, second)) = (open_body(), open_body());
        for body in [first, second] {
            let request = with_timeout(request(body), "5S");
            call(&channel, request).await.expect_ok();
        }
    });
    assert_eq!(counts.calls(), 2);
}

/// A streaming call that the server refuses with REFUSED_STREAM is sent again once, as a unary call
/// is.
#[test]
fn a_refused_stream_is_repeated_once() {
    for (refused, code) in [(1, Code::Ok), (2, Code::Unavailable)] {
        let sim = Sim::new(1);
        let counts = raw::serve(&sim, 1, move |_, event| {
            Some(match event {
                ServerEvent::Accepted => wide_windows(),
                ServerEvent::Call(stream) if stream < 2 * refused => {
                    reset(stream, Reason::REFUSED_STREAM)
                }
                ServerEvent::Call(stream) => answer_ok(stream),
            })
        });
        let channel = world::channel(&sim, 1);
        let (body, _) = messages(2, 1000);
        let outcome = sim.run(call(&channel, request(body)));
        assert_eq!(outcome.status.code(), code);
        assert_eq!(counts.calls(), 2);
    }
}

/// When the request body fails after a retry, the call ends with INTERNAL and the body's error.
#[test]
fn a_body_that_fails_after_a_retry_ends_the_call() {
    let sim = Sim::new(1);
    let answer = |id| [go_away(1, Reason::NO_ERROR, b""), answer_ok(id)].concat();
    let (channel, first, second) = two_servers(&sim, one_call_at_a_time(), answer, echo);
    let (send, body) = open_body();
    let failing = stream::once(async { Err("the disk is gone") });
    let body: Frames = StreamBody::new(body.chain(failing).boxed());
    let outcome = sim.run(async {
        let write = async {
            send.try_send(Bytes::from("one")).expect("room");
            sim.sleep(Duration::from_millis(50)).await;
            drop(send);
        };
        join(call_behind_another(&sim, &channel, body), write)
            .await
            .0
    });
    outcome.expect(
        Code::Internal,
        &["the request's body failed: the disk is gone"],
    );
    assert_eq!((first.calls(), second.calls()), (1, 1));
}

/// A call whose request body fails before it is written is not sent again, and ends with INTERNAL
/// and the body's error.
#[test]
fn a_body_that_fails_before_a_retry_ends_the_call() {
    let sim = Sim::new(1);
    let answer = |id| [go_away(1, Reason::NO_ERROR, b""), answer_ok(id)].concat();
    let (channel, first, second) = two_servers(&sim, one_call_at_a_time(), answer, echo);
    let body = frames(vec![
        Ok(Frame::data(Bytes::from("one"))),
        Ok(Frame::data(Bytes::from("two"))),
        Err("the disk is gone"),
    ]);
    let outcome = sim.run(call_behind_another(&sim, &channel, body));
    outcome.expect(
        Code::Internal,
        &["the request's body failed: the disk is gone"],
    );
    assert_eq!((first.calls(), second.calls()), (1, 0));
}

/// A retry sends the trailers of the request, too.
#[test]
fn request_trailers_are_sent_again() {
    async fn trailers(mut incoming: ServerCall) {
        while let Some(Ok(_)) = incoming.body.data().await {}
        let trailers = incoming.body.trailers().await;
        let Ok(mut send) = incoming.respond.send_response(response_head(), false) else {
            return;
        };
        let value = trailers.ok().flatten().map(|map| map["x-sum"].clone());
        let value = value.expect("trailers");
        let _ = send.send_data(Bytes::copy_from_slice(value.as_bytes()), false);
        let _ = send.send_trailers(ok_trailers());
    }
    let sim = Sim::new(1);
    let (channel, ..) = two_servers(
        &sim,
        wide_windows(),
        |_| go_away(0, Reason::NO_ERROR, b""),
        trailers,
    );
    let sum = HeaderMap::from_iter([(
        "x-sum".parse().expect("a name"),
        HeaderValue::from_static("42"),
    )]);
    let body = frames(vec![
        Ok(Frame::data(Bytes::from("one"))),
        Ok(Frame::trailers(sum)),
    ]);
    let outcome = sim.run(call(&channel, request(body)));
    assert_eq!(outcome.expect_ok().data, "42");
}

/// The deadline counts from the start of the call, not from the start of an attempt.
#[test]
fn a_retry_keeps_the_deadline() {
    async fn silent(_incoming: ServerCall) {
        std::future::pending::<Infallible>().await;
    }
    let sim = Sim::new(1);
    let (channel, first, second) = two_servers(
        &sim,
        wide_windows(),
        |_| go_away(0, Reason::NO_ERROR, b""),
        silent,
    );
    let (body, _) = messages(3, 1000);
    let outcome = sim.run(call(&channel, with_timeout(request(body), "2S")));
    outcome.expect(Code::DeadlineExceeded, &["198.51.100.2:50051"]);
    assert_eq!(sim.elapsed(), Duration::from_secs(2));
    assert_eq!((first.calls(), second.calls()), (1, 1));
}
