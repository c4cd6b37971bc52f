//! The body of a response.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use trunkline_runtime::PeerAddr;
use trunkline_status::{Code, Status};
use trunkline_transport::{Incoming, IncomingFrame, MessageLimit, MessageTooLarge};

use crate::call::deadline::Deadline;
use crate::grpc::{SeenStatus, repair_status, without_status};
use crate::record::{AttemptEnd, AttemptRecord, CallRecord, SentData};

/// The status of most responses.
static OK: Status = Status::from_static(Code::Ok, "");

/// The body of a response: data, then trailers with the call's status.
///
/// It never fails: an error after the head of the response becomes trailers, so that the stub above
/// reports the right code. Dropping it before its end cancels the call.
#[derive(Default)]
pub struct Body {
    /// `None` once the body has ended.
    open: Option<OpenResponse>,
}

/// A response that is not read to its end yet.
struct OpenResponse {
    incoming: Incoming,
    deadline: Option<Deadline>,
    /// The check of the messages, if they have a limit. In a box, because most have none, and a
    /// response is moved several times.
    messages: Option<Box<CheckedMessages>>,
    /// The status in a head that did not end the stream. It is the status of the call unless
    /// trailers with another status follow.
    head_status: Option<Box<Status>>,
    records: Records,
}

/// The check of the messages of a response.
struct CheckedMessages {
    limit: MessageLimit,
    /// A message over the limit, which follows the data that was returned last.
    too_large: Option<MessageTooLarge>,
}

impl CheckedMessages {
    fn new(limit: u32) -> Self {
        Self {
            limit: MessageLimit::new(limit),
            too_large: None,
        }
    }
}

/// The records of the attempt and of the call. They end with the body.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) attempt: AttemptRecord,
    pub(crate) call: CallRecord,
}

impl Records {
    /// Reports the end of the attempt and of the call.
    pub(crate) fn end(&mut self, end: &AttemptEnd<'_>) {
        self.attempt.end_with_call(end, &mut self.call);
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
        max_message: Option<u32>,
        head_status: Option<Status>,
        records: Records,
    ) -> Self {
        if incoming.is_empty() && head_status.is_some() {
            return Self::empty();
        }
        Self {
            open: Some(OpenResponse {
                incoming,
                deadline,
                messages: max_message.map(CheckedMessages::new).map(Box::new),
                head_status: head_status.map(Box::new),
                records,
            }),
        }
    }
}

impl OpenResponse {
    /// Returns the next data, or the trailers that end the body; `None` when the body ends without
    /// trailers.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<IncomingFrame>> {
        if let Some(messages) = &mut self.messages
            && let Some(error) = messages.too_large.take()
        {
            return Poll::Ready(Some(self.end_too_large(error)));
        }
        let status = match self.incoming.poll_frame(cx) {
            Poll::Pending => match &mut self.deadline {
                Some(deadline) => {
                    ready!(deadline.poll_passed(cx));
                    deadline.status(&reading_from(self.incoming.peer_addr()))
                }
                None => return Poll::Pending,
            },
            Poll::Ready(Some(Ok(IncomingFrame::Data(data)))) => match self.past_deadline() {
                // A server that always has more data must not outlive the deadline.
                Some(status) => status,
                None => {
                    self.records.attempt.add_received(&data);
                    return Poll::Ready(Some(self.checked(data)));
                }
            },
            Poll::Ready(Some(Ok(IncomingFrame::Trailers(mut trailers)))) => {
                let seen = repair_status(&mut trailers);
                let (has_failed, has_status) = match seen {
                    SeenStatus::Ok => (false, true),
                    SeenStatus::Failed => (true, true),
                    SeenStatus::Missing => {
                        let (status, has_status) = self.status_of_the_head();
                        status.add_to_trailers(&mut trailers);
                        (status.code() != Code::Ok, has_status)
                    }
                };
                match self.late_failure(has_failed) {
                    Some(status) => status,
                    None => {
                        self.end_with_trailers(&trailers, seen, has_status);
                        return Poll::Ready(Some(IncomingFrame::Trailers(trailers)));
                    }
                }
            }
            Poll::Ready(Some(Err(error))) => self.final_status(error.into_status()),
            Poll::Ready(None) => {
                let (status, has_status) = self.status_of_the_head();
                let has_failed = status.code() != Code::Ok;
                match self.late_failure(has_failed) {
                    Some(status) => status,
                    None => {
                        self.end(&status, None, has_status);
                        return Poll::Ready(Some(IncomingFrame::Trailers(status.to_trailers())));
                    }
                }
            }
        };
        self.end_here(&status);
        Poll::Ready(Some(IncomingFrame::Trailers(status.to_trailers())))
    }

    /// Returns the next data up to a message over the limit. If nothing is before that, the call has
    /// failed, and the result is its trailers.
    fn checked(&mut self, mut data: Bytes) -> IncomingFrame {
        let Some(messages) = &mut self.messages else {
            return IncomingFrame::Data(data);
        };
        let Err(error) = messages.limit.check(&data) else {
            return IncomingFrame::Data(data);
        };
        data.truncate(error.at);
        if data.is_empty() {
            return self.end_too_large(error);
        }
        messages.too_large = Some(error);
        IncomingFrame::Data(data)
    }

    /// Ends a call whose response has a message over the limit; returns its trailers. The attempt is
    /// cancelled when the body drops it.
    fn end_too_large(&mut self, error: MessageTooLarge) -> IncomingFrame {
        let peer = self.peer();
        let text = format!("a message of {peer}'s response is too large: {error}");
        let status = Status::new(Code::ResourceExhausted, text);
        self.end_here(&status);
        IncomingFrame::Trailers(status.to_trailers())
    }

    /// Returns the status of the deadline once it has passed.
    fn past_deadline(&self) -> Option<Status> {
        let deadline = self.deadline.as_ref()?;
        let status = || deadline.status(&reading_from(self.peer()));
        deadline.is_past().then(status)
    }

    /// Returns the status of the deadline if the response of the server `has_failed` after it.
    fn late_failure(&self, has_failed: bool) -> Option<Status> {
        if has_failed {
            self.past_deadline()
        } else {
            None
        }
    }

    /// Returns `status`, or the status of the deadline in place of a failure after the deadline.
    fn final_status(&self, status: Status) -> Status {
        Deadline::final_status(self.deadline.as_ref(), status, || reading_from(self.peer()))
    }

    /// Ends the call with a status that this side made.
    fn end_here(&mut self, status: &Status) {
        self.end(status, None, false);
    }

    /// Ends the call. `has_status` is true when `status` is that of the server.
    fn end(&mut self, status: &Status, trailers: Option<&HeaderMap>, has_status: bool) {
        let sent = sent_for(&self.incoming);
        self.records.end(&AttemptEnd {
            status,
            trailers,
            has_status,
            sent,
        });
    }

    fn end_with_trailers(&mut self, trailers: &HeaderMap, seen: SeenStatus, has_status: bool) {
        // Parsing the status costs time, so it is done only where the status is reported, and if there
        // is more of it than the code.
        if self.records.attempt.is_open() {
            let parsed;
            let status = if seen == SeenStatus::Ok && trailers.len() == 1 {
                &OK
            } else {
                let status = Status::from_trailers(trailers);
                parsed = status.unwrap_or_else(|| without_status(self.peer()));
                &parsed
            };
            self.end(status, Some(trailers), has_status);
        }
    }

    fn peer(&self) -> &PeerAddr {
        self.incoming.peer_addr()
    }

    /// Returns the status of a response that ends without a status in its trailers: the status in
    /// its head, or `UNKNOWN`. The flag is true when it is from the head.
    fn status_of_the_head(&mut self) -> (Status, bool) {
        match self.head_status.take() {
            Some(status) => (*status, true),
            None => (without_status(self.peer()), false),
        }
    }
}

/// Returns what a call does while its body is read, for the text of its deadline.
fn reading_from(peer: &PeerAddr) -> String {
    format!("reading the response from {peer}")
}

impl Drop for OpenResponse {
    fn drop(&mut self) {
        self.records
            .attempt
            .end_dropped(|| sent_for(&self.incoming));
    }
}

/// Returns what the attempt of a response has sent of the request.
pub(crate) fn sent_for(incoming: &Incoming) -> SentData<'_> {
    SentData {
        peer: Some(incoming.peer_addr()),
        // First: the bytes may grow meanwhile.
        messages: incoming.messages_sent(),
        bytes: incoming.bytes_sent(),
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(response) = &mut self.open else {
            return Poll::Ready(None);
        };
        response.poll_next(cx).map(|frame| match frame {
            Some(IncomingFrame::Data(data)) => Some(Ok(Frame::data(data))),
            Some(IncomingFrame::Trailers(trailers)) => {
                self.open = None;
                Some(Ok(Frame::trailers(trailers)))
            }
            None => {
                self.open = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.open.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.open.is_none() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.open.is_none() {
            "Body(ended)"
        } else {
            "Body(incoming)"
        })
    }
}
