//! Connections.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use trunkline_runtime::PeerAddr;
use trunkline_status::Status;

use crate::error::{CallError, Fate};
use crate::handles::Handles;
use crate::line::CallLine;
use crate::messages::MessageListener;
use crate::queued::{QueuedRequest, UnsentBody, UnsentRequest, check_head};
use crate::replay::{AttemptBody, ReaderId, RequestBody};
use crate::response::ResponseHead;
use crate::room::{Candidates, FullConnection, Room};
use crate::state::ConnectionState;
use crate::stats::ConnectionStats;
use crate::turns::Turns;
use crate::upload::Upload;

/// A handle to one HTTP/2 connection, on which calls are made. Cheap to clone.
///
/// When the last clone and the last call are gone, the connection closes in good order.
#[derive(Clone)]
pub struct Connection {
    send: SendRequest<Bytes>,
    state: Arc<ConnectionState>,
    turns: Arc<Turns>,
    established: Instant,
    /// After `send`, because h2 closes the connection when both are gone.
    _handles: Arc<Handles>,
}

/// A handle that can end a connection at once. It does not keep the connection open.
#[derive(Clone, Debug)]
pub struct ConnectionEnd {
    state: Weak<ConnectionState>,
}

/// An attempt of a call that was begun.
pub struct Sent<B> {
    /// Waits for the response.
    pub response: ResponseHead,
    /// Sends a streaming request body; `None` when all of the request was handed to HTTP/2.
    pub upload: Option<Pin<Box<Upload<B>>>>,
    /// The identity of the attempt among those that read a streaming body; `None` without an upload.
    pub reader: Option<ReaderId>,
}

impl Connection {
    pub(crate) fn new(
        send: SendRequest<Bytes>,
        state: Arc<ConnectionState>,
        turns: Arc<Turns>,
        established: Instant,
    ) -> Self {
        Self {
            send,
            _handles: Arc::new(Handles::new(Arc::clone(&state))),
            state,
            turns,
            established,
        }
    }

    /// Returns the address at the other end.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.state.peer
    }

    /// Returns when the handshake was done, by the clock of the connection's runtime.
    #[must_use]
    pub fn established(&self) -> Instant {
        self.established
    }

    /// Returns a handle that can end the connection at once.
    #[must_use]
    pub fn end(&self) -> ConnectionEnd {
        ConnectionEnd {
            state: Arc::downgrade(&self.state),
        }
    }

    /// Begins an attempt of a call: sends the head of the request, and its body if that is unary. A
    /// streaming body is sent by the [`Upload`], which the caller spawns.
    ///
    /// Over the server's limit of concurrent calls, and while the server lets nothing be sent, the
    /// request waits in line. It leaves nothing behind when the response is dropped meanwhile.
    ///
    /// After a failure, the call can be sent again when the [fate](CallError::fate) allows it and
    /// the [body](RequestBody::can_replay) does. Several attempts may run side by side.
    ///
    /// # Errors
    ///
    /// When the connection takes no calls any more ([`Fate::Unsent`]), HTTP/2 forbids the
    /// request, the start of its body is not kept any more, a message is over [its
    /// limit](RequestBody::set_max_message), or its head is larger than the server's
    /// `SETTINGS_MAX_HEADER_LIST_SIZE` (`RESOURCE_EXHAUSTED`). Nothing was sent.
    ///
    /// Source: [RFC 9113 section 10.5.1](https://www.rfc-editor.org/rfc/rfc9113#section-10.5.1): some
    /// servers close the connection for a header list over their limit, which would cost all other
    /// calls on it.
    pub fn send<B>(&self, head: Request<()>, body: &RequestBody<B>) -> Result<Sent<B>, CallError> {
        self.send_or(head, body, None, |request| {
            QueuedRequest::for_one(request, self.send.clone(), Arc::clone(&self.state))
        })
    }

    /// As [`send`](Self::send). But a request that waits in line takes the first room on any of the
    /// candidates, which are made only then.
    ///
    /// The candidates share the [line](Self::line) of this connection. Once this connection is lost, the
    /// request waits for the others: call [`CallLine::wake_all`] when they have changed.
    ///
    /// `listener` is notified of each message of the request that the attempt sends. Several attempts of
    /// a call need one each, because each sends the messages from the first on.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn send_on_any<B>(
        &self,
        head: Request<()>,
        body: &RequestBody<B>,
        listener: Option<Arc<dyn MessageListener>>,
        candidates: impl FnOnce() -> Box<dyn Candidates>,
    ) -> Result<Sent<B>, CallError> {
        self.send_or(head, body, listener, |request| {
            QueuedRequest::for_any(request, self.line().clone(), candidates())
        })
    }

    /// Begins an attempt of a call. Without room, the request waits in line, as `queue` has it.
    fn send_or<B>(
        &self,
        head: Request<()>,
        body: &RequestBody<B>,
        listener: Option<Arc<dyn MessageListener>>,
        queue: impl FnOnce(UnsentRequest) -> QueuedRequest,
    ) -> Result<Sent<B>, CallError> {
        let body = body
            .open()
            .map_err(|status| CallError::new(status, Fate::Unknown))?;
        check_head(&head, &self.state)?;
        let (body, upload, reader) = match body {
            AttemptBody::Whole(data) => (UnsentBody::Whole(data, listener), None, None),
            AttemptBody::Streaming(body, messages) => {
                let reader = body.id();
                let limit = self.state.max_header_list();
                let (upload, handle) = Upload::new(body, messages, listener, limit);
                (UnsentBody::Upload(handle), Some(Box::pin(upload)), reader)
            }
        };
        let state = Arc::clone(&self.state);
        let response = if state.admission.try_admit() {
            let has_company = state.admission.open() > 1;
            if has_company {
                state.lone_calls.handle_company();
            }
            let is_alone = !has_company && body.is_short() && state.lone_calls.begin();
            let turn = is_alone.then(|| self.turns.try_take()).flatten();
            if is_alone {
                state.lone_calls.free();
            }
            // A clone has no pending request of its own, so it is always ready.
            let send = self.send.clone();
            let response = ResponseHead::sent(head, body, send, state, is_alone)?;
            if let Some(turn) = turn {
                turn.poll(&self.state);
            }
            response
        } else {
            let request = UnsentRequest { head, body };
            ResponseHead::queued(queue(request), state)
        };
        Ok(Sent {
            response,
            upload,
            reader,
        })
    }

    /// Returns the numbers of the connection.
    ///
    /// Any thread may call this at any time: it takes no lock, and holds up no call.
    #[must_use]
    pub fn stats(&self) -> ConnectionStats {
        self.state.stats()
    }

    /// Returns the line in which calls wait for room on this connection.
    #[must_use]
    pub fn line(&self) -> &CallLine {
        self.state.admission.line()
    }

    /// Returns whether the server allows one more call on the connection now; false once the connection
    /// is lost. Others may wait in line for it.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.state.admission.has_room()
    }

    /// Returns whether as many calls are on the connection as the server allows
    /// (`SETTINGS_MAX_CONCURRENT_STREAMS`); false once the connection is lost.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.state.admission.is_full()
    }

    /// Takes room for a request that waits in line. `None` if there is none, or the connection is lost.
    #[must_use]
    pub fn take_room(&self) -> Option<Room> {
        Room::take(&self.send, &self.state)
    }

    /// Returns this connection as one that has no room.
    #[must_use]
    pub fn as_full(&self) -> FullConnection {
        FullConnection(Arc::clone(&self.state))
    }

    /// Wakes as many of the calls that wait in line as there is room for on this connection.
    pub fn wake_line(&self) {
        self.state.admission.wake();
    }
}

impl ConnectionEnd {
    /// Ends the connection at once, if it is still there. The calls on it end with `status`.
    pub fn cut_off(&self, status: Status) {
        if let Some(state) = self.state.upgrade() {
            state.cut_off(status);
        }
    }

    /// Returns true once nothing is left of the connection.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.state.strong_count() == 0
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.state.peer)
            .finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for Sent<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent")
            .field("response", &self.response)
            .field("upload", &self.upload)
            .field("reader", &self.reader)
            .finish()
    }
}
