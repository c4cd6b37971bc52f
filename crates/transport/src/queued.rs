//! Requests that wait in line.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use trunkline_status::Status;

use crate::error::{CallError, Fate};
use crate::header_list::size_of_request;
use crate::line::{CallLine, Place};
use crate::messages::MessageListener;
use crate::room::{Candidates, Turn};
use crate::state::ConnectionState;
use crate::upload::UploadHandle;

/// The longest request, in bytes, whose sending side is not kept. What h2 keeps of such a request,
/// when its attempt is cancelled before it is sent, is not much more than what it keeps of any
/// stream; and a stream with two handles costs it more.
pub(crate) const SHORT_REQUEST: usize = 4 * 1024;

/// A request that was not handed to HTTP/2 yet.
pub(crate) struct UnsentRequest {
    pub(crate) head: Request<()>,
    pub(crate) body: UnsentBody,
}

/// The body of an [`UnsentRequest`].
pub(crate) enum UnsentBody {
    /// All of it, and what is notified when it is handed over.
    Whole(Option<Bytes>, Option<Arc<dyn MessageListener>>),
    /// An upload, which waits for its stream.
    Upload(UploadHandle),
}

impl UnsentBody {
    /// Returns true if the body is complete, and not long.
    pub(crate) fn is_short(&self) -> bool {
        match self {
            Self::Whole(data, _) => data.as_ref().is_none_or(|data| data.len() <= SHORT_REQUEST),
            Self::Upload(_) => false,
        }
    }
}

impl UnsentRequest {
    /// Returns why the upload gave the attempt up, if it did.
    fn failure(&self) -> Option<&Status> {
        match &self.body {
            UnsentBody::Whole(..) => None,
            UnsentBody::Upload(handle) => handle.failure(),
        }
    }
}

/// Checks the head of a request against the longest header list that the server takes.
pub(crate) fn check_head(head: &Request<()>, state: &ConnectionState) -> Result<(), CallError> {
    let limit = state.max_header_list();
    if limit != u32::MAX {
        let size = size_of_request(head);
        if size > limit as usize {
            return Err(CallError::head_too_large(size, limit, &state.peer));
        }
    }
    Ok(())
}

/// A request that waits in line. Dropping it takes it out.
pub(crate) struct QueuedRequest {
    /// `None` once it has left the line.
    request: Option<UnsentRequest>,
    place: Place,
    target: QueuedFor,
}

/// What a request in line waits for.
enum QueuedFor {
    /// Room on one connection.
    One(SendRequest<Bytes>, Arc<ConnectionState>),
    /// Room on any connection of the line.
    Any(CallLine, Box<dyn Candidates>),
}

/// A request whose turn has come, and the connection that it was admitted to.
pub(crate) struct AdmittedRequest {
    pub(crate) request: UnsentRequest,
    pub(crate) send: SendRequest<Bytes>,
    pub(crate) state: Arc<ConnectionState>,
}

impl QueuedRequest {
    /// Returns a request that waits for one connection.
    pub(crate) fn for_one(
        request: UnsentRequest,
        send: SendRequest<Bytes>,
        state: Arc<ConnectionState>,
    ) -> Self {
        Self::new(request, QueuedFor::One(send, state))
    }

    /// Returns a request that waits for any connection of a line.
    pub(crate) fn for_any(
        request: UnsentRequest,
        line: CallLine,
        candidates: Box<dyn Candidates>,
    ) -> Self {
        Self::new(request, QueuedFor::Any(line, candidates))
    }

    fn new(request: UnsentRequest, target: QueuedFor) -> Self {
        Self {
            request: Some(request),
            place: Place::default(),
            target,
        }
    }

    /// Waits for the request's turn. `shown` becomes the connection that the request names while it
    /// waits.
    ///
    /// # Errors
    ///
    /// When its upload gave it up, or no connection is left on which it can be sent.
    pub(crate) fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        shown: &mut Arc<ConnectionState>,
    ) -> Poll<Result<AdmittedRequest, CallError>> {
        let shown_before = Arc::as_ptr(shown);
        let poll = self.look_for_room(cx, shown);
        let is_new = self.place.has_joined() || shown_before != Arc::as_ptr(shown);
        if poll.is_pending() && is_new {
            // The request is in line now, so the driver finds it there.
            shown.handle_call_in_line();
        }
        poll
    }

    /// As [`poll_turn`](Self::poll_turn); the driver is not notified.
    fn look_for_room(
        &mut self,
        cx: &mut Context<'_>,
        shown: &mut Arc<ConnectionState>,
    ) -> Poll<Result<AdmittedRequest, CallError>> {
        let Some(request) = &self.request else {
            return Poll::Pending;
        };
        if let Some(status) = request.failure() {
            return Poll::Ready(Err(CallError::new(status.clone(), Fate::Unknown)));
        }
        let (send, state) = match &mut self.target {
            QueuedFor::One(send, state) => {
                ready!(state.admission.poll_admit(cx, &mut self.place));
                (send.clone(), Arc::clone(state))
            }
            QueuedFor::Any(line, candidates) => {
                let poll = line.poll_turn(cx, &mut self.place, None, || {
                    match candidates.find_room(&request.head) {
                        Turn::Send(room) => Some(Ok(room)),
                        Turn::Leave(status) => Some(Err(status)),
                        Turn::Wait(full) => {
                            *shown = full.0;
                            None
                        }
                    }
                });
                match &poll {
                    Poll::Ready(Ok(room)) => room.leave_line(&mut self.place),
                    Poll::Ready(Err(_)) => line.give_up(&mut self.place),
                    Poll::Pending => {}
                }
                if poll.is_pending() || !line.is_empty() {
                    candidates.handle_waiting();
                }
                let unsent = |status| CallError::new(status, Fate::Unsent);
                let room = ready!(poll).map_err(unsent)?;
                let Some((send, state)) = room.into_connection() else {
                    return Poll::Pending;
                };
                if let Err(error) = check_head(&request.head, &state) {
                    state.admission.close(1);
                    return Poll::Ready(Err(error));
                }
                (send, state)
            }
        };
        let Some(request) = self.request.take() else {
            return Poll::Pending;
        };
        Poll::Ready(Ok(AdmittedRequest {
            request,
            send,
            state,
        }))
    }
}

impl Drop for QueuedRequest {
    fn drop(&mut self) {
        if self.request.is_none() {
            return;
        }
        match &self.target {
            QueuedFor::One(_, state) => state.admission.leave(&mut self.place),
            QueuedFor::Any(line, _) => line.give_up(&mut self.place),
        }
    }
}
