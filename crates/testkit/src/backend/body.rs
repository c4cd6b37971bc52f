//! A response body that tells when it has been sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};

use super::counters::Tally;

/// Counts an answer when the trailers are taken out.
#[derive(Debug)]
pub(super) struct CountedBody {
    inner: tonic::body::Body,
    tally: Arc<Tally>,
}

impl CountedBody {
    pub(super) fn new(inner: tonic::body::Body, tally: Arc<Tally>) -> Self {
        Self { inner, tally }
    }
}

impl Body for CountedBody {
    type Data = <tonic::body::Body as Body>::Data;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && frame.is_trailers()
        {
            self.tally.answered();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
