//! How much of requests is kept so that they can be sent again. A call over a limit is committed: it
//! goes on, and is not sent again.
//!
//! Source: [gRFC A6, memory management](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#memory-management-buffering).

use bytes::Bytes;
use futures_util::future::join_all;
use h2::Reason;
use h2::server::Builder;
use trunkline_channel::ChannelBuilder;
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::bodies::messages;
use crate::hedging::HEDGING;
use crate::retries::{Answer, retrying, scripted};
use crate::world::{call, echo, request, serve, unary};

/// What the message `hello` takes up.
const HELLO: usize = 5 + size_of::<Bytes>();

/// Makes a unary call with the message `hello` to a server with this script. Returns the code of its
/// status, and how many attempts the server received.
fn run(answers: &[Answer], set: impl FnOnce(ChannelBuilder) -> ChannelBuilder) -> (Code, usize) {
    let sim = Sim::new(1);
    let log = scripted(&sim, 1, answers);
    let channel = set(retrying(&sim)).build().expect("a channel");
    let result = sim.run(async move { unary(&channel, b"hello").await });
    let received = log.lock().len();
    (result.status.code(), received)
}

/// A unary message counts for retries and hedging.
#[test]
fn a_unary_message_over_the_limit_is_sent_once() {
    let fails = [Answer::Status(Code::Unavailable)];
    for (limit, expected) in [
        (HELLO, (Code::Ok, 2)),
        (HELLO - 1, (Code::Unavailable, 1)),
        (0, (Code::Unavailable, 1)),
    ] {
        let of_call = run(&fails, |builder| builder.retry_buffer_per_call(limit));
        let of_channel = run(&fails, |builder| builder.retry_buffer_per_channel(limit));
        assert_eq!((of_call, of_channel), (expected, expected), "{limit}");
    }
    let slow = [Answer::OkAfter(800)];
    for (limit, expected) in [(HELLO, 2), (HELLO - 1, 1)] {
        let hedged = run(&slow, |builder| {
            let builder = builder.default_service_config(HEDGING);
            builder.retry_buffer_per_call(limit)
        });
        assert_eq!(hedged, (Code::Ok, expected), "{limit}");
    }
}

/// It does not count for transparent retries, whose message is in hand until the call has ended.
#[test]
fn a_transparent_retry_needs_no_buffer() {
    let refused = [Answer::Reset(Reason::REFUSED_STREAM)];
    let set = |builder: ChannelBuilder| builder.retry_buffer_per_call(0);
    assert_eq!(run(&refused, set), (Code::Ok, 2));
    let hedged = run(&refused, |builder| {
        set(builder).default_service_config(HEDGING)
    });
    assert_eq!(hedged, (Code::Ok, 2));
}

/// All calls of a channel share its limit. A call that finds no room is not sent again; its end, and
/// that of the others, makes room.
#[test]
fn calls_share_the_limit_of_the_channel() {
    let sim = Sim::new(1);
    let log = scripted(&sim, 1, &vec![Answer::Status(Code::Unavailable); 3]);
    let builder = retrying(&sim).retry_buffer_per_channel(2 * HELLO);
    let channel = builder.build().expect("a channel");
    sim.run(async {
        let results = join_all((0..3).map(|_| unary(&channel, b"hello"))).await;
        let codes: Vec<Code> = results.iter().map(|result| result.status.code()).collect();
        assert_eq!(codes, [Code::Ok, Code::Ok, Code::Unavailable]);
        assert_eq!(log.lock().len(), 5);
        let later = join_all((0..2).map(|_| unary(&channel, b"hello"))).await;
        later
            .into_iter()
            .for_each(|result| drop(result.expect_ok()));
    });
}

/// A streaming request over a limit is not cut off.
#[test]
fn a_streaming_request_over_the_limit_goes_on() {
    let tight: [fn(ChannelBuilder) -> ChannelBuilder; 2] = [
        |builder| builder.retry_buffer_per_call(5000),
        |builder| builder.retry_buffer_per_channel(5000),
    ];
    for set in tight {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), echo);
        let channel = set(retrying(&sim)).build().expect("a channel");
        let (body, all) = messages(20, 1000);
        let result = sim.run(call(&channel, request(body)));
        assert!(result.expect_ok().data == all);
    }
}

/// It is sent again as long as it is within both limits.
#[test]
fn a_streaming_request_within_the_limits_is_sent_again() {
    let enough = 3 * (1000 + size_of::<Bytes>());
    for (limit, expected) in [(enough, Code::Ok), (enough - 1, Code::Unavailable)] {
        let sim = Sim::new(1);
        scripted(&sim, 1, &[Answer::AfterRequest(Code::Unavailable)]);
        let builder = retrying(&sim).retry_buffer_per_call(limit);
        let channel = builder.build().expect("a channel");
        let (body, _) = messages(3, 1000);
        let result = sim.run(call(&channel, request(body)));
        assert_eq!(result.status.code(), expected, "{limit}");
    }
}
