//! The body of a response.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use trunkline_status::{Code, Status};
use trunkline_transport::{Incoming, IncomingFrame};

use crate::call::deadline::Deadline;

/// The body of a response: data, then trailers with the call's status.
///
/// It never fails: whatever goes wrong after the head of the response becomes trailers, so that the
/// stub above reports the right code. Dropping it before its end cancels the call.
#[derive(Default)]
pub struct Body {
    state: State,
}

#[derive(Default)]
enum State {
    /// Nothing follows.
    #[default]
    Ended,
    /// The response comes in.
    Incoming {
        incoming: Incoming,
        deadline: Option<Deadline>,
        /// Whether the head had the call's status already.
        has_status: bool,
    },
}

/// The status of a call that the server ended without one.
///
/// Source: [HTTP to gRPC status](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
fn without_status(incoming: &Incoming) -> Status {
    let peer = incoming.peer_addr();
    Status::new(
        Code::Unknown,
        format!("{peer} ended the response without a grpc-status"),
    )
}

impl Body {
    /// A body without anything, as in a trailers-only response.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    pub(crate) fn incoming(
        incoming: Incoming,
        deadline: Option<Deadline>,
        has_status: bool,
    ) -> Self {
        if incoming.is_end_stream() && has_status {
            return Self::empty();
        }
        Self {
            state: State::Incoming {
                incoming,
                deadline,
                has_status,
            },
        }
    }

    fn end_with(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.state = State::Ended;
        Poll::Ready(Some(Ok(Frame::trailers(status.to_trailers()))))
    }

    fn end_with_trailers(
        &mut self,
        trailers: HeaderMap,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.state = State::Ended;
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let State::Incoming {
            incoming,
            deadline,
            has_status,
        } = &mut self.state
        else {
            return Poll::Ready(None);
        };
        match incoming.poll_frame(cx) {
            Poll::Ready(Some(Ok(IncomingFrame::Data(data)))) => {
                // A server that always has more must not outlive the deadline.
                if let Some(deadline) = deadline.as_ref().filter(|deadline| deadline.is_past()) {
                    let status = deadline.status("reading the response");
                    return self.end_with(&status);
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Ok(IncomingFrame::Trailers(mut trailers)))) => {
                if !*has_status && !trailers.contains_key("grpc-status") {
                    without_status(incoming).add_to_trailers(&mut trailers);
                }
                self.end_with_trailers(trailers)
            }
            Poll::Ready(Some(Err(error))) => {
                let status = error.into_status();
                let status = match deadline {
                    Some(deadline) => deadline.instead_of(status, "reading the response"),
                    None => status,
                };
                self.end_with(&status)
            }
            Poll::Ready(None) if *has_status => {
                self.state = State::Ended;
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                let status = without_status(incoming);
                self.end_with(&status)
            }
            Poll::Pending => {
                let Some(deadline) = deadline else {
                    return Poll::Pending;
                };
                if deadline.poll_passed(cx).is_pending() {
                    return Poll::Pending;
                }
                let status = deadline.status("reading the response");
                self.end_with(&status)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match self.state {
            State::Ended => SizeHint::with_exact(0),
            State::Incoming { .. } => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Ended => "Body(ended)",
            State::Incoming { .. } => "Body(incoming)",
        })
    }
}
