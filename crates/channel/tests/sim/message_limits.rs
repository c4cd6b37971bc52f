//! The limits of messages: of a method's configuration and of the channel, for requests and responses.
//!
//! Source: `max_request_message_bytes` and `max_response_message_bytes` in
//! [service_config.proto](https://github.com/grpc/grpc-proto/blob/master/grpc/service_config/service_config.proto).

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use h2::server::Builder;
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use trunkline_channel::{Channel, ChannelBuilder};
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::raw;
use crate::world::{CallResult, address, builder, call, echo, request, serve};

/// Returns a message of this size, with gRPC's prefix.
fn message(size: usize) -> Bytes {
    let len = u32::try_from(size).expect("a short message");
    [&[0][..], &len.to_be_bytes(), &vec![7; size]]
        .concat()
        .into()
}

/// Returns a service config with these limits for all methods.
fn config(request: u32, response: u32) -> String {
    format!(
        r#"{{"methodConfig": [{{"name": [{{}}], "maxRequestMessageBytes": {request},
        "maxResponseMessageBytes": {response}}}]}}"#
    )
}

fn channel(sim: &Sim, set: impl FnOnce(ChannelBuilder) -> ChannelBuilder) -> Channel {
    let target = format!("ipv4:{}", address(1));
    set(builder(sim, target)).build().expect("a channel")
}

/// Makes a unary call with a message of this size.
async fn unary(channel: &Channel, size: usize) -> CallResult {
    call(channel, request(Full::new(message(size)))).await
}

/// Makes a streaming call with messages of these sizes, each in a frame of its own.
async fn streaming(channel: &Channel, sizes: &[usize]) -> CallResult {
    let frames = sizes.iter().map(|size| Frame::data(message(*size)));
    let frames = frames.map(Ok::<_, Infallible>).collect::<Vec<_>>();
    call(channel, request(StreamBody::new(stream::iter(frames)))).await
}

/// Request messages up to the limit are sent. A longer one fails its call alone, with both sizes; that of
/// a unary call does not leave the client.
#[test]
fn a_request_over_the_limit() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, |builder| {
        builder.default_service_config(config(100, 1000))
    });
    let words = [
        "a message of the request is too large",
        "it has 101 bytes after compression, and the limit of this client is 100",
    ];
    sim.run(async {
        unary(&channel, 100).await.expect_ok();
        unary(&channel, 101)
            .await
            .expect(Code::ResourceExhausted, &words);
        assert_eq!(counts.calls(), 1);
        streaming(&channel, &[100, 0, 100]).await.expect_ok();
        let result = streaming(&channel, &[100, 0, 100, 101]).await;
        result.expect(Code::ResourceExhausted, &words);
        unary(&channel, 100).await.expect_ok();
    });
    assert_eq!(counts.accepts(), 1);
}

/// The messages of a response before one over the limit arrive; then the call fails, with both sizes and
/// the peer.
#[test]
fn a_response_over_the_limit() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, |builder| {
        builder.default_service_config(config(1000, 100))
    });
    let text = format!(
        "a message of {}'s response is too large: it has 101 bytes",
        address(1)
    );
    let words = [&*text, "the limit of this client is 100"];
    sim.run(async {
        unary(&channel, 100).await.expect_ok();
        let result = unary(&channel, 101).await;
        assert!(result.data.is_empty());
        result.expect(Code::ResourceExhausted, &words);
        let result = streaming(&channel, &[100, 5, 101, 7]).await;
        assert_eq!(result.data, [message(100), message(5)].concat());
        result.expect(Code::ResourceExhausted, &words);
        unary(&channel, 100).await.expect_ok();
    });
    assert_eq!(counts.accepts(), 1);
}

/// The lower one of the limits of the channel and of the configuration counts. A limit of 0 allows empty
/// messages only.
#[test]
fn the_lower_limit_counts() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channels = [
        channel(&sim, |builder| {
            builder
                .default_service_config(config(10, 1000))
                .max_request_message(100)
        }),
        channel(&sim, |builder| {
            builder
                .default_service_config(config(100, 1000))
                .max_request_message(10)
        }),
        channel(&sim, |builder| builder.max_request_message(10)),
        channel(&sim, |builder| builder.max_response_message(10)),
    ];
    let none = channel(&sim, |builder| builder.max_request_message(0));
    sim.run(async {
        for channel in &channels {
            unary(channel, 10).await.expect_ok();
            let words = ["11 bytes", "is 10"];
            unary(channel, 11)
                .await
                .expect(Code::ResourceExhausted, &words);
        }
        unary(&none, 0).await.expect_ok();
        unary(&none, 1)
            .await
            .expect(Code::ResourceExhausted, &["1 bytes", "is 0"]);
    });
}

/// A message of 4 GiB that is announced fails its call at once: the client does not wait for the data, and
/// resets the call.
#[test]
fn an_announced_message_fails_at_once() {
    let sim = Sim::new(1);
    raw::serve_calls(&sim, 1, |stream| {
        let announced = raw::data(stream, &[0, 255, 255, 255, 255], false);
        [raw::grpc_head(stream), announced].concat()
    });
    let channel = channel(&sim, |builder| builder.max_response_message(4 << 20));
    sim.run(async {
        let result = unary(&channel, 1).await;
        result.expect(Code::ResourceExhausted, &["4294967295 bytes", "4194304"]);
        assert!(sim.elapsed() < Duration::from_secs(1));
    });
}
