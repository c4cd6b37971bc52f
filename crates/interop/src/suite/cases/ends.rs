//! Calls that the client ends.
//!
//! A tonic stub cancels a call by dropping it, so there is no status. The channel's observer is
//! notified of it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use async_channel::Sender;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Code, Request};

use super::streaming::exchange;
use crate::suite::judge::{Verdict, failed, same, sized, succeeded};
use crate::suite::proto::{Payload, StreamingInputCallRequest, StreamingOutputCallRequest};
use crate::suite::stub::Stub;
use crate::wrong::Wrong;

/// The call is cancelled after its headers, before a message.
pub(super) async fn cancel_after_begin(stub: Stub) -> Result<Verdict, Wrong> {
    let (begun, wait) = async_channel::bounded(1);
    let mut tests = stub.tests();
    {
        let mut call = pin!(tests.streaming_input_call(Silent { begun }));
        let mut began = pin!(wait.recv());
        poll_fn(|cx| match call.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Err(format!("ended before: {ended:?}"))),
            Poll::Pending => began.as_mut().poll(cx).map(|_| Ok(())),
        })
        .await?;
    }
    same(
        "how calls ended",
        stub.ends(),
        vec![trunkline::Code::Cancelled],
    )?;
    Ok(Verdict::Passed)
}

/// A stream without requests and without an end. The channel polls it once it has sent the headers.
struct Silent {
    begun: Sender<()>,
}

impl Stream for Silent {
    type Item = StreamingInputCallRequest;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The channel is full after the first poll.
        let _ = self.begun.try_send(());
        Poll::Pending
    }
}

/// The call is cancelled after a response.
pub(super) async fn cancel_after_first_response(stub: Stub) -> Result<Verdict, Wrong> {
    let (send, requests) = async_channel::unbounded();
    send.send(exchange(27_182, 31_415)).await?;
    let call = stub.tests().full_duplex_call(requests).await;
    let mut replies = succeeded("FullDuplexCall", call)?.into_inner();
    let reply = succeeded("a response", replies.message().await)?;
    sized(reply.and_then(|reply| reply.payload).as_ref(), 31_415)?;
    drop(replies);
    same(
        "how calls ended",
        stub.ends(),
        vec![trunkline::Code::Cancelled],
    )?;
    Ok(Verdict::Passed)
}

/// The deadline passes before the server answers.
pub(super) async fn timeout_on_sleeping_server(stub: Stub) -> Result<Verdict, Wrong> {
    let (send, requests) = async_channel::unbounded();
    let mut request = Request::new(requests);
    request.set_timeout(Duration::from_millis(1));
    send.send(StreamingOutputCallRequest {
        payload: Some(Payload::zeros(27_182)),
        ..StreamingOutputCallRequest::default()
    })
    .await?;
    let ended = match stub.tests().full_duplex_call(request).await {
        Ok(replies) => replies.into_inner().message().await.map(|_| ()),
        Err(status) => Err(status),
    };
    failed("FullDuplexCall", ended, Code::DeadlineExceeded)?;
    Ok(Verdict::Passed)
}
