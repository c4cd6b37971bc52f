//! One attempt of a call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Response};
use trunkline_runtime::PeerAddr;
use trunkline_status::Status;
use trunkline_transport::{CallError, Incoming, ReaderId, ResponseHead};

use crate::call::siblings::SentOn;
use crate::core::connections::ConnectionId;
use crate::queue::QueuedCall;
use crate::record::{AttemptEnd, AttemptRecord, SentData};

/// One attempt of a call: sent on a connection, until the head of its response arrives.
///
/// It does not borrow from the call, so several can run side by side. Dropping it cancels the
/// attempt.
#[must_use = "dropping an attempt cancels it"]
pub(crate) struct CallAttempt {
    response: ResponseHead,
    /// The attempt as a reader of the request; `None` if that is unary.
    reader: Option<ReaderId>,
    record: AttemptRecord,
    /// The place in line, while the request waits for a free stream.
    in_line: Option<Box<InLine>>,
}

/// The place of an attempt that waits in line.
struct InLine {
    /// The place in the channel's queue.
    _queued: QueuedCall,
    sent_on: Arc<SentOn>,
}

impl CallAttempt {
    pub(crate) fn new(
        response: ResponseHead,
        reader: Option<ReaderId>,
        record: AttemptRecord,
    ) -> Self {
        Self {
            response,
            reader,
            record,
            in_line: None,
        }
    }

    /// Records that the request was handed to this connection.
    pub(crate) fn set_sent(&mut self, connection: ConnectionId) {
        self.record.set_sent(self.response.peer_addr(), connection);
    }

    /// Keeps a place in the channel's queue until the request is sent. `sent_on` returns then which
    /// connection that is on.
    pub(crate) fn set_in_line(&mut self, queued: QueuedCall, sent_on: Arc<SentOn>) {
        self.record.set_waiting();
        self.in_line = Some(Box::new(InLine {
            _queued: queued,
            sent_on,
        }));
    }

    /// Returns the attempt as a reader of the request; `None` if that is unary.
    pub(crate) fn reader(&self) -> Option<ReaderId> {
        self.reader
    }

    /// Returns the address that the attempt was sent to.
    pub(crate) fn peer(&self) -> &PeerAddr {
        self.response.peer_addr()
    }

    /// Returns what the attempt waits for, as text.
    pub(crate) fn waiting_for(&self) -> String {
        self.response.waiting_for().to_string()
    }

    /// Ends an attempt that got no response.
    pub(crate) fn end(&mut self, status: &Status) {
        let sent = sent_by(&self.response);
        self.record.end(&AttemptEnd::without_trailers(status, sent));
    }

    /// Ends an attempt whose response is only a head. `has_status` is true when `status` is from there.
    pub(crate) fn end_with_head(&mut self, status: &Status, head: &HeaderMap, has_status: bool) {
        self.record.set_has_headers();
        self.record.end(&AttemptEnd {
            status,
            trailers: Some(head),
            has_status,
            sent: sent_by(&self.response),
        });
    }

    /// Leaves the throttle of retries out of the attempt.
    pub(crate) fn exempt(&mut self) {
        self.record.exempt();
    }

    /// Records that another attempt decides the call.
    pub(crate) fn set_overtaken(&mut self) {
        self.record.set_overtaken();
    }

    /// Takes the record of an attempt whose response arrived, for the body, which ends it.
    pub(crate) fn take_record(&mut self) -> AttemptRecord {
        self.record.set_has_headers();
        std::mem::take(&mut self.record)
    }
}

/// Waits for the head of the response.
impl Future for CallAttempt {
    type Output = Result<Response<Incoming>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.in_line.is_none() {
            return Pin::new(&mut self.response).poll(cx);
        }
        let poll = Pin::new(&mut self.response).poll(cx);
        if !self.response.is_in_line() {
            // The request may also have failed on its way out of the line.
            if let Some(in_line) = self.in_line.take().filter(|_| self.response.is_sent()) {
                self.set_sent(in_line.sent_on.get());
            }
        }
        poll
    }
}

impl Drop for CallAttempt {
    fn drop(&mut self) {
        self.record.end_dropped(|| sent_by(&self.response));
    }
}

/// Returns what an attempt has sent of the request.
fn sent_by(response: &ResponseHead) -> SentData<'_> {
    SentData {
        peer: Some(response.peer_addr()),
        // First: the bytes may grow meanwhile.
        messages: response.messages_sent(),
        bytes: response.bytes_sent(),
    }
}
