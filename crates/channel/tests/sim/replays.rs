//! Streaming calls that no server acted on are made again, however far the request had come.
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

/// SETTINGS that let one call in at a time.
fn one_at_a_time() -> Vec<u8> {
    one_setting(MAX_CONCURRENT_STREAMS, 1)
}

/// SETTINGS and WINDOW_UPDATE that let a megabyte in.
fn wide() -> Vec<u8> {
    const MIB: u32 = 1 << 20;
    [one_setting(INITIAL_WINDOW_SIZE, MIB), window_update(MIB)].concat()
}

/// A channel to a server that takes one connection and answers calls on it with `answer`, and to
/// another one that serves them with `handler`.
fn pair<F: Future<Output = ()> + Send + 'static>(
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

/// Makes a call that is held back behind another one.
async fn held_back(sim: &Sim, channel: &Channel, body: Frames) -> CallResult {
    channel.connect().expect("a runtime");
    sim.sleep(Duration::from_millis(10)).await;
    let streaming = call(channel, request(body));
    let (unary, streamed) = join(unary(channel, b"hello"), streaming).await;
    unary.expect_ok();
    streamed
}

/// Behind MAX_CONCURRENT_STREAMS when the GOAWAY comes: nothing of it was written, however much of
/// its body h2 has.
#[test]
fn a_stream_that_is_held_back() {
    for (count, size) in [(1, 10), (20, 1000), (30, 1), (5, 40_000)] {
        let sim = Sim::new(1);
        let answer = |id| [go_away(1, Reason::NO_ERROR, b""), answer_ok(id)].concat();
        let (channel, first, second) = pair(&sim, one_at_a_time(), answer, echo);
        let (body, all) = messages(count, size);
        let outcome = sim.run(held_back(&sim, &channel, body));
        assert!(outcome.expect_ok().data == all, "{count} of {size}");
        assert_eq!((first.calls(), second.calls()), (1, 1));
    }
}

/// Written, but above the GOAWAY's last stream: the server dropped what it saw of it.
#[test]
fn a_stream_that_a_goaway_excludes() {
    for (count, size) in [(1, 10), (20, 1000), (2, 100_000)] {
        let sim = Sim::new(1);
        let (channel, first, second) =
            pair(&sim, wide(), |_| go_away(0, Reason::NO_ERROR, b""), echo);
        let (body, all) = messages(count, size);
        let outcome = sim.run(call(&channel, request(body)));
        assert!(outcome.expect_ok().data == all, "{count} of {size}");
        assert_eq!((first.calls(), second.calls()), (1, 1));
    }
}

/// Both sides talk: what is written later goes where the call is by then.
#[test]
fn a_conversation_goes_on() {
    let sim = Sim::new(1);
    let (channel, ..) = pair(&sim, wide(), |_| go_away(0, Reason::NO_ERROR, b""), echo);
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

/// More than 256 KiB of the request is gone: it cannot be made again, and fails as it did.
#[test]
fn too_much_was_sent() {
    let sim = Sim::new(1);
    let (channel, first, second) =
        pair(&sim, wide(), |_| go_away(0, Reason::NO_ERROR, b"bye"), echo);
    let (body, _) = messages(3, 100_000);
    let outcome = sim.run(call(&channel, request(body)));
    outcome.expect(Code::Unavailable, &["198.51.100.1:50051", "bye"]);
    assert_eq!((first.calls(), second.calls()), (1, 0));
}

/// Empty messages take up room as well.
#[test]
fn messages_without_end() {
    let sim = Sim::new(1);
    let (channel, _, second) = pair(&sim, wide(), |_| go_away(0, Reason::NO_ERROR, b"bye"), echo);
    let empty = stream::repeat_with(|| Ok(Frame::data(Bytes::new()))).take(100_000);
    let body: Frames = StreamBody::new(empty.boxed());
    let outcome = sim.run(call(&channel, request(body)));
    outcome.expect(Code::Unavailable, &["bye"]);
    assert_eq!(second.calls(), 0);
}

/// The server began to answer: it may have acted on the call.
#[test]
fn an_answer_that_began() {
    let sim = Sim::new(1);
    let answer = |id| [grpc_head(id), go_away(0, Reason::NO_ERROR, b"bye")].concat();
    let (channel, first, second) = pair(&sim, wide(), answer, echo);
    let (body, _) = messages(2, 1000);
    let outcome = sim.run(call(&channel, request(body)));
    outcome.expect(Code::Unavailable, &["bye"]);
    assert_eq!((first.calls(), second.calls()), (1, 0));
}

/// Once the answer began, nothing of the request is kept.
#[test]
fn nothing_is_kept_of_an_answered_call() {
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

/// An answered call that the caller drops: the server hears of it, though the request is idle.
#[test]
fn an_answered_call_that_is_dropped() {
    let sim = Sim::new(1);
    let (tell, told) = async_channel::unbounded();
    serve(&sim, 1, Builder::new(), move |mut incoming| {
        let tell = tell.clone();
        async move {
            let mut send = incoming
                .respond
                .send_response(response_head(), false)
                .expect("open");
            let reset = std::future::poll_fn(|cx| send.poll_reset(cx)).await;
            tell.try_send(reset.expect("a reset")).expect("room");
        }
    });
    let channel = world::channel(&sim, 1);
    let (_open, body) = open_body();
    let reset = sim.run(async {
        let Ok(response) = channel.clone().call(request(body)).await;
        sim.sleep(Duration::from_millis(10)).await;
        drop(response);
        told.recv().await
    });
    assert_eq!(reset, Ok(Reason::CANCEL));
}

/// The whole answer to a request that is still open: its stream is free for the next call.
#[test]
fn an_answer_before_the_end_of_the_request() {
    async fn refuse(mut incoming: ServerCall) {
        let mut answer = response_head();
        answer.headers_mut().extend(ok_trailers());
        incoming.respond.send_response(answer, true).expect("open");
        // It goes on reading: it is the client who is to end the stream.
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

/// REFUSED_STREAM: once more, as with a unary call.
#[test]
fn a_refused_stream_is_repeated_once() {
    for (refused, code) in [(1, Code::Ok), (2, Code::Unavailable)] {
        let sim = Sim::new(1);
        let counts = raw::serve(&sim, 1, move |_, event| {
            Some(match event {
                ServerEvent::Accepted => wide(),
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

/// A body that fails after its call was made again: the caller hears of the body.
#[test]
fn a_body_that_fails_later() {
    let sim = Sim::new(1);
    let answer = |id| [go_away(1, Reason::NO_ERROR, b""), answer_ok(id)].concat();
    let (channel, first, second) = pair(&sim, one_at_a_time(), answer, echo);
    let (send, body) = open_body();
    let failing = stream::once(async { Err("the disk is gone") });
    let body: Frames = StreamBody::new(body.chain(failing).boxed());
    let outcome = sim.run(async {
        let write = async {
            send.try_send(Bytes::from("one")).expect("room");
            sim.sleep(Duration::from_millis(50)).await;
            drop(send);
        };
        join(held_back(&sim, &channel, body), write).await.0
    });
    outcome.expect(
        Code::Internal,
        &["the request's body failed: the disk is gone"],
    );
    assert_eq!((first.calls(), second.calls()), (1, 1));
}

/// A body that fails while its call is held back: there is nothing to make again.
#[test]
fn a_body_that_fails_at_once() {
    let sim = Sim::new(1);
    let answer = |id| [go_away(1, Reason::NO_ERROR, b""), answer_ok(id)].concat();
    let (channel, first, second) = pair(&sim, one_at_a_time(), answer, echo);
    let body = frames(vec![
        Ok(Frame::data(Bytes::from("one"))),
        Ok(Frame::data(Bytes::from("two"))),
        Err("the disk is gone"),
    ]);
    let outcome = sim.run(held_back(&sim, &channel, body));
    outcome.expect(
        Code::Internal,
        &["the request's body failed: the disk is gone"],
    );
    assert_eq!((first.calls(), second.calls()), (1, 0));
}

/// Trailers are made again too.
#[test]
fn trailers_of_a_request() {
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
    let (channel, ..) = pair(
        &sim,
        wide(),
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

/// The deadline counts from the start, however often the call is made.
#[test]
fn the_deadline_stays() {
    async fn silent(_incoming: ServerCall) {
        std::future::pending::<Infallible>().await;
    }
    let sim = Sim::new(1);
    let (channel, first, second) =
        pair(&sim, wide(), |_| go_away(0, Reason::NO_ERROR, b""), silent);
    let (body, _) = messages(3, 1000);
    let outcome = sim.run(call(&channel, with_timeout(request(body), "2S")));
    outcome.expect(Code::DeadlineExceeded, &["198.51.100.2:50051"]);
    assert_eq!(sim.elapsed(), Duration::from_secs(2));
    assert_eq!((first.calls(), second.calls()), (1, 1));
}
