//! The body of a response.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use trunkline_status::Status;
use trunkline_transport::{Incoming, IncomingFrame};

use crate::call::deadline::Deadline;
use crate::call::record::{AttemptEnd, AttemptRecord, CallRecord};
use crate::grpc::without_status;

/// The body of a response: data, then trailers with the call's status.
///
/// It never fails: an error after the head of the response becomes trailers, so that the stub above
/// reports the right code. Dropping it before its end cancels the call.
#[derive(Default)]
pub struct Body {
    /// `None` once nothing follows.
    reading: Option<Reading>,
}

/// A response that is not read to its end.
struct Reading {
    incoming: Incoming,
    deadline: Option<Deadline>,
    /// True when the head had the call's status.
    has_status: bool,
    records: Records,
}

/// The records that the end of the body ends.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) attempt: AttemptRecord,
    pub(crate) call: CallRecord,
}

impl Records {
    /// Reports the end of the attempt and of the call.
    pub(crate) fn end(&mut self, end: &AttemptEnd<'_>) {
        self.attempt.end(end);
        self.call.end(end.status);
    }
}

impl Body {
    /// Returns a body without data and trailers, as in a trailers-only response.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    pub(crate) fn incoming(
        incoming: Incoming,
        deadline: Option<Deadline>,
        has_status: bool,
        records: Records,
    ) -> Self {
        if incoming.is_end_stream() && has_status {
            return Self::empty();
        }
        Self {
            reading: Some(Reading {
                incoming,
                deadline,
                has_status,
                records,
            }),
        }
    }
}

impl Reading {
    /// Returns the next data, or the trailers that end the body; `None` when the body ends without.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<IncomingFrame>> {
        let status = match self.incoming.poll_frame(cx) {
            Poll::Ready(Some(Ok(IncomingFrame::Data(data)))) => {
                // A server that always has more data must not outlive the deadline.
                match self.deadline.as_ref().filter(|deadline| deadline.is_past()) {
                    Some(deadline) => deadline.status(READING),
                    None => {
                        self.records.attempt.received(data.len());
                        return Poll::Ready(Some(IncomingFrame::Data(data)));
                    }
                }
            }
            Poll::Ready(Some(Ok(IncomingFrame::Trailers(mut trailers)))) => {
                if !self.has_status && !trailers.contains_key("grpc-status") {
                    without_status(self.incoming.peer_addr()).add_to_trailers(&mut trailers);
                }
                self.end_with_trailers(&trailers);
                return Poll::Ready(Some(IncomingFrame::Trailers(trailers)));
            }
            Poll::Ready(Some(Err(error))) => {
                let status = error.into_status();
                match &self.deadline {
                    Some(deadline) => deadline.instead_of(status, READING),
                    None => status,
                }
            }
            Poll::Ready(None) if self.has_status => return Poll::Ready(None),
            Poll::Ready(None) => without_status(self.incoming.peer_addr()),
            Poll::Pending => {
                let Some(deadline) = &mut self.deadline else {
                    return Poll::Pending;
                };
                if deadline.poll_passed(cx).is_pending() {
                    return Poll::Pending;
                }
                deadline.status(READING)
            }
        };
        self.end(&status, None);
        Poll::Ready(Some(IncomingFrame::Trailers(status.to_trailers())))
    }

    fn end(&mut self, status: &Status, trailers: Option<&HeaderMap>) {
        let bytes_sent = self.incoming.bytes_sent();
        self.records.end(&AttemptEnd {
            status,
            trailers,
            bytes_sent,
        });
    }

    fn end_with_trailers(&mut self, trailers: &HeaderMap) {
        // Reading the status costs something, so only where it is reported.
        if self.records.attempt.is_open() {
            let status = Status::from_trailers(trailers);
            let status = status.unwrap_or_else(|| without_status(self.incoming.peer_addr()));
            self.end(&status, Some(trailers));
        }
    }
}

/// What a call does while its body is read, in the text of its deadline.
const READING: &str = "reading the response";

impl Drop for Reading {
    fn drop(&mut self) {
        let bytes_sent = self.incoming.bytes_sent();
        self.records.attempt.end_dropped(bytes_sent);
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        reading.poll_next(cx).map(|frame| match frame {
            Some(IncomingFrame::Data(data)) => Some(Ok(Frame::data(data))),
            Some(IncomingFrame::Trailers(trailers)) => {
                self.reading = None;
                Some(Ok(Frame::trailers(trailers)))
            }
            None => {
                self.reading = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.reading.is_none() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.reading.is_none() {
            "Body(ended)"
        } else {
            "Body(incoming)"
        })
    }
}
