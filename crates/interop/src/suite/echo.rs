//! Metadata that the tonic server sends back. A tonic service cannot set the trailers of a call that
//! succeeds, so it is done here.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};

/// The key that is sent back in the headers.
pub(super) const INITIAL: &str = "x-grpc-test-echo-initial";

/// The key that is sent back in the trailers.
pub(super) const TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// A body that adds a value to the trailers.
#[derive(Debug)]
pub(super) struct EchoBody<B> {
    inner: B,
    trailing: Option<HeaderValue>,
}

impl<B> EchoBody<B> {
    /// Returns a body that sends back the value in the headers of the request.
    pub(super) fn new(inner: B, request: &HeaderMap) -> Self {
        let trailing = request.get(TRAILING).cloned();
        Self { inner, trailing }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for EchoBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
            && let Some(value) = self.trailing.take()
        {
            trailers.insert(TRAILING, value);
        }
        Poll::Ready(frame)
    }
}
