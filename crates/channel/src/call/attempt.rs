//! One attempt of a call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, Response};
use trunkline_runtime::PeerAddr;
use trunkline_status::Status;
use trunkline_transport::{CallError, Incoming, ReaderId, ResponseHead};

use crate::call::record::{AttemptEnd, AttemptRecord};
use crate::queue::QueuedCall;

/// One attempt of a call: sent on a connection, until the head of its response arrives.
///
/// It does not borrow from the call, so several can run side by side. Dropping it cancels the
/// attempt.
#[must_use = "dropping an attempt cancels it"]
pub(crate) struct CallAttempt {
    response: ResponseHead,
    /// The attempt as a reader of the request; `None` if that is unary.
    reader: Option<ReaderId>,
    peer: PeerAddr,
    record: AttemptRecord,
    /// The place in the channel's queue, while the request waits in line on the connection.
    queued: Option<Box<QueuedCall>>,
}

impl CallAttempt {
    pub(crate) fn new(
        response: ResponseHead,
        reader: Option<ReaderId>,
        peer: PeerAddr,
        mut record: AttemptRecord,
    ) -> Self {
        record.sent_to(&peer);
        Self {
            response,
            reader,
            peer,
            record,
            queued: None,
        }
    }

    /// Keeps a place in the channel's queue until the request is sent.
    pub(crate) fn set_queued(&mut self, queued: QueuedCall) {
        self.queued = Some(Box::new(queued));
    }

    /// Handles the end of the wait for a free stream, which may be on another connection.
    fn left_line(&mut self) {
        let peer = self.response.peer_addr();
        if *peer != self.peer {
            self.peer = peer.clone();
            self.record.set_peer(peer);
        }
    }

    /// Returns the attempt as a reader of the request; `None` if that is unary.
    pub(crate) fn reader(&self) -> Option<ReaderId> {
        self.reader
    }

    /// Returns the address that the attempt was sent to.
    pub(crate) fn peer(&self) -> &PeerAddr {
        &self.peer
    }

    /// Returns what the attempt waits for, as text.
    pub(crate) fn waiting_for(&self) -> String {
        self.response.waiting_for().to_string()
    }

    /// Ends an attempt that got no response.
    pub(crate) fn end(&mut self, status: &Status) {
        self.end_with(status, None);
    }

    /// Ends an attempt, with the trailers of its response if there are any.
    pub(crate) fn end_with(&mut self, status: &Status, trailers: Option<&HeaderMap>) {
        let bytes_sent = self.response.bytes_sent();
        self.record.end(&AttemptEnd {
            status,
            trailers,
            bytes_sent,
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

    /// Records that the head of a response arrived.
    pub(crate) fn set_has_headers(&mut self) {
        self.record.set_has_headers();
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
        let poll = Pin::new(&mut self.response).poll(cx);
        if self.queued.is_some() && !self.response.is_in_line() {
            self.queued = None;
            self.left_line();
        }
        poll
    }
}

impl Drop for CallAttempt {
    fn drop(&mut self) {
        self.record.end_dropped(self.response.bytes_sent());
    }
}
