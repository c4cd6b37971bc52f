//! The body of a request, as a service reads it.

use std::error::Error;
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
/// As in hyper, on which tonic's servers run, the body ends without an error when the client resets
/// the call with CANCEL or NO_ERROR. The service's future is then dropped.
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

    /// Returns how the body ends after `error`.
    fn ended_by(&mut self, error: h2::Error) -> Option<Result<Frame<Bytes>, IncomingBodyError>> {
        match error.reason() {
            Some(Reason::CANCEL | Reason::NO_ERROR) => None,
            _ => Some(Err(IncomingBodyError(error))),
        }
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = IncomingBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IncomingBodyError>>> {
        if !self.data_done {
            match ready!(self.poll_data(cx)) {
                Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Err(error)) => return Poll::Ready(self.ended_by(error)),
                None => self.data_done = true,
            }
        }
        Poll::Ready(match ready!(self.stream.poll_trailers(cx)) {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => self.ended_by(error),
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

/// The error of a request's body that ended early: the client reset the call, or the connection was
/// lost.
///
/// Its source is the `h2::Error`, in which tonic finds the status.
#[derive(Debug)]
pub struct IncomingBodyError(h2::Error);

impl fmt::Display for IncomingBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.reason() {
            Some(reason) => write!(f, "the request ended early with {reason:?}"),
            None => f.write_str("the request ended early: the connection was lost"),
        }
    }
}

impl Error for IncomingBodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
