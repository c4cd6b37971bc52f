//! The body of a request, as a service reads it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http_body::{Body, Frame};

/// The body of a request that a service of [`Sim::serve`](crate::Sim::serve) receives.
///
/// The client may send as much as its flow-control window allows. Reading data gives it as much room
/// again, so a service that does not read holds up the client.
///
/// The service's future is dropped when the client resets the call or the connection is lost. A
/// task that still reads the body gets the error, which is that of `h2`, so that tonic's server side
/// makes the same status of it as in production. As in hyper, on which tonic's servers run, a
/// reset with NO_ERROR ends the body without an error.
pub struct IncomingBody {
    stream: RecvStream,
    /// Whether all data was read. Trailers may follow.
    data_done: bool,
}

impl IncomingBody {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            data_done: false,
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let read = ready!(self.stream.poll_data(cx));
        if let Some(Ok(data)) = &read {
            // Fails only after the stream has ended, when the client needs no room.
            let _ = self.stream.flow_control().release_capacity(data.len());
        }
        Poll::Ready(read)
    }
}

/// Returns how a body ends after `error`.
fn ended_by(error: h2::Error) -> Option<Result<Frame<Bytes>, h2::Error>> {
    match error.reason() {
        Some(Reason::NO_ERROR) => None,
        _ => Some(Err(error)),
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.data_done {
            match ready!(self.poll_data(cx)) {
                Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Err(error)) => return Poll::Ready(ended_by(error)),
                None => self.data_done = true,
            }
        }
        Poll::Ready(match ready!(self.stream.poll_trailers(cx)) {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => ended_by(error),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}

impl fmt::Debug for IncomingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingBody").finish_non_exhaustive()
    }
}
