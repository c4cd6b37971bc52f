//! Calls that the client abandons.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::SendStream;
use h2::server::SendResponse;

/// The server's side of a call, which ends early when the client resets it.
pub(super) trait ResetStream {
    /// Returns the reason once the client has reset the call or the connection is lost.
    fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<h2::Error>;
}

impl ResetStream for SendResponse<Bytes> {
    fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<h2::Error> {
        self.poll_reset(cx)
            .map(|reset| reset.map_or_else(|error| error, Into::into))
    }
}

impl ResetStream for SendStream<Bytes> {
    fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<h2::Error> {
        self.poll_reset(cx)
            .map(|reset| reset.map_or_else(|error| error, Into::into))
    }
}

/// Waits for `future`, which is dropped when the client abandons the call.
pub(super) async fn unless_abandoned<F: Future>(
    stream: &mut impl ResetStream,
    future: F,
) -> Result<F::Output, h2::Error> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(reason) = stream.poll_abandoned(cx) {
            return Poll::Ready(Err(reason));
        }
        future.as_mut().poll(cx).map(Ok)
    })
    .await
}
