//! A response body that counts its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};

use super::counters::AtomicCounters;

/// Counts an answer when HTTP/2 takes the trailers from the body.
#[derive(Debug)]
pub(super) struct CountedBody {
    inner: tonic::body::Body,
    counters: Arc<AtomicCounters>,
}

impl CountedBody {
    pub(super) fn new(inner: tonic::body::Body, counters: Arc<AtomicCounters>) -> Self {
        Self { inner, counters }
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
            self.counters.answered();
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
