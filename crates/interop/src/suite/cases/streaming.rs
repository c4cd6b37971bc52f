//! Calls with streams of requests or responses.

use tonic::codegen::tokio_stream;

use crate::suite::judge::{Verdict, same, sized, succeeded};
use crate::suite::proto::{
    Payload, ResponseParameters, StreamingInputCallRequest, StreamingOutputCallRequest,
};
use crate::suite::stub::Stub;
use crate::wrong::Wrong;

/// The sizes of the payloads in the requests.
const REQUESTS: [usize; 4] = [27_182, 8, 1_828, 45_904];

/// The sizes of the payloads in the responses.
const RESPONSES: [usize; 4] = [31_415, 9, 2_653, 58_979];

/// A stream of requests.
pub(super) async fn client_streaming(stub: Stub) -> Result<Verdict, Wrong> {
    let requests = REQUESTS.map(|size| StreamingInputCallRequest {
        payload: Some(Payload::zeros(size)),
        ..StreamingInputCallRequest::default()
    });
    let call = stub
        .tests()
        .streaming_input_call(tokio_stream::iter(requests))
        .await;
    let reply = succeeded("StreamingInputCall", call)?.into_inner();
    same("bytes received", reply.aggregated_payload_size, 74_922)?;
    Ok(Verdict::Passed)
}

/// A stream of responses.
pub(super) async fn server_streaming(stub: Stub) -> Result<Verdict, Wrong> {
    let request = StreamingOutputCallRequest {
        response_parameters: RESPONSES.map(parameters).into(),
        ..StreamingOutputCallRequest::default()
    };
    let call = stub.tests().streaming_output_call(request).await;
    let mut replies = succeeded("StreamingOutputCall", call)?.into_inner();
    for size in RESPONSES {
        let reply = succeeded("a response", replies.message().await)?;
        sized(reply.and_then(|reply| reply.payload).as_ref(), size)?;
    }
    same(
        "the end",
        succeeded("the end", replies.message().await)?,
        None,
    )?;
    Ok(Verdict::Passed)
}

/// Requests and responses in turn.
pub(super) async fn ping_pong(stub: Stub) -> Result<Verdict, Wrong> {
    let (send, requests) = async_channel::unbounded();
    let exchanges = REQUESTS.into_iter().zip(RESPONSES);
    // A server may send its headers only with the first response, so the first request goes first.
    send.send(exchange(REQUESTS[0], RESPONSES[0])).await?;
    let call = stub.tests().full_duplex_call(requests).await;
    let mut replies = succeeded("FullDuplexCall", call)?.into_inner();
    for (index, (request, response)) in exchanges.enumerate() {
        if index > 0 {
            send.send(exchange(request, response)).await?;
        }
        let reply = succeeded("a response", replies.message().await)?;
        sized(reply.and_then(|reply| reply.payload).as_ref(), response)?;
    }
    drop(send);
    same(
        "the end",
        succeeded("the end", replies.message().await)?,
        None,
    )?;
    Ok(Verdict::Passed)
}

/// No messages at all.
pub(super) async fn empty_stream(stub: Stub) -> Result<Verdict, Wrong> {
    let none = tokio_stream::empty::<StreamingOutputCallRequest>();
    let call = stub.tests().full_duplex_call(none).await;
    let mut replies = succeeded("FullDuplexCall", call)?.into_inner();
    same(
        "the end",
        succeeded("the end", replies.message().await)?,
        None,
    )?;
    Ok(Verdict::Passed)
}

/// Returns a request of `request` bytes that asks for a response of `response` bytes.
pub(super) fn exchange(request: usize, response: usize) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        response_parameters: vec![parameters(response)],
        payload: Some(Payload::zeros(request)),
        ..StreamingOutputCallRequest::default()
    }
}

fn parameters(size: usize) -> ResponseParameters {
    ResponseParameters {
        size: size as i32,
        ..ResponseParameters::default()
    }
}
