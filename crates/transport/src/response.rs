//! Responses.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use trunkline_runtime::PeerAddr;
use trunkline_status::Status;

use crate::error::{CallError, Fate, ResponsePart};
use crate::header_list::header_list_size;
use crate::outbound::{Handed, Outbound};
use crate::queued::{AdmittedRequest, QueuedRequest, SHORT_REQUEST, UnsentBody, UnsentRequest};
use crate::state::ConnectionState;
use crate::upload::UploadHandle;
use crate::waiting::{WaitingFor, WaitingStep};

/// The request of the same attempt, as its response sees it.
pub(crate) enum RequestSide {
    /// All of it was handed to HTTP/2. The sending side of its stream is kept until the attempt ends,
    /// if the request is longer than [`SHORT_REQUEST`].
    Sent(Handed, Option<SendStream<Bytes>>),
    /// An upload sends it.
    Upload(UploadHandle),
}

impl RequestSide {
    fn handed(&self) -> Handed {
        match self {
            Self::Sent(handed, _) => *handed,
            Self::Upload(handle) => handle.handed(),
        }
    }

    /// Takes this side out of a response that goes on elsewhere, or has ended.
    fn take(&mut self) -> Self {
        let handed = self.handed();
        mem::replace(self, Self::Sent(handed, None))
    }

    /// Cancels an attempt whose response was dropped, and frees what was not sent. An upload
    /// does that itself.
    ///
    /// h2 cancels a stream that is dropped, but keeps its data until its turn to send comes, which
    /// is never while the peer reads nothing.
    fn cancel(&mut self, state: &ConnectionState) {
        if let Self::Sent(_, stream) = self
            && let Some(mut stream) = stream.take()
            // Before that, h2 would keep the data that waits, and send it before the reset.
            && state.is_sent(stream.stream_id().as_u32())
        {
            stream.send_reset(h2::Reason::CANCEL);
        }
    }

    /// Returns true if HTTP/2 still has a part of the request, of which the sending side was kept.
    fn is_unfinished(&self, state: &ConnectionState) -> bool {
        match self {
            Self::Sent(_, Some(stream)) => state.unfinished.contains(stream.stream_id().as_u32()),
            _ => false,
        }
    }

    /// Returns why this side gave the attempt up, if it did.
    fn failure(&self) -> Option<&Status> {
        match self {
            Self::Sent(..) => None,
            Self::Upload(handle) => handle.failure(),
        }
    }

    /// Returns why an attempt ended: what h2 reports of its stream, unless this side gave it up.
    fn error(&self, error: &h2::Error, stream: u32, state: &ConnectionState) -> CallError {
        match self.failure() {
            Some(status) => CallError::new(status.clone(), Fate::Unknown),
            None => CallError::of_stream(error, stream, state),
        }
    }
}

/// The header that has the status of a call.
const GRPC_STATUS: &str = "grpc-status";

/// Returns whether a header list of a response is over the caller's limit, or was cut off by h2.
///
/// h2 takes a lock to return the number of a stream, so `stream` is called only where it is needed.
fn is_too_large(
    headers: &HeaderMap,
    stream: impl FnOnce() -> h2::StreamId,
    state: &ConnectionState,
) -> bool {
    header_list_size(headers) > state.header_limit as usize
        || state.has_long_headers() && state.has_long_headers_on(stream().as_u32())
}

/// Hands a request to HTTP/2. It was admitted.
fn hand_over(
    head: Request<()>,
    body: UnsentBody,
    mut send: SendRequest<Bytes>,
    state: &ConnectionState,
) -> Result<(ResponseFuture, RequestSide), CallError> {
    let no_body = matches!(body, UnsentBody::Whole(None, _));
    let sent = send.send_request(head, no_body);
    let (response, mut stream) = sent.map_err(|error| {
        state.admission.close(1);
        CallError::not_sent(&error, state)
    })?;
    let request = match body {
        UnsentBody::Whole(None, _) => RequestSide::Sent(Handed::default(), None),
        UnsentBody::Whole(Some(data), listener) => {
            let is_short = data.len() <= SHORT_REQUEST;
            // An error here is one of the stream, which the response reports too.
            let handed = Outbound::new(listener).send(&mut stream, data, true);
            RequestSide::Sent(handed.unwrap_or_default(), (!is_short).then_some(stream))
        }
        UnsentBody::Upload(handle) => {
            handle.start(stream);
            RequestSide::Upload(handle)
        }
    };
    Ok((response, request))
}

/// Waits for the head of a response.
#[must_use = "dropping it cancels the attempt"]
pub struct ResponseHead {
    stage: AttemptStage,
    state: Arc<ConnectionState>,
    request: RequestSide,
    /// The server's limit of concurrent calls, if that made the request wait.
    held_back: Option<u32>,
    /// True while the attempt is served by the connection's [`LoneCalls`](crate::lone_calls::LoneCalls).
    is_alone: bool,
}

/// What an attempt waits for.
enum AttemptStage {
    /// Its admission to the connection.
    Queued(Box<QueuedRequest>),
    /// The head of the response.
    Sent(ResponseFuture),
    /// Nothing: it has ended.
    Ended,
}

impl ResponseHead {
    /// Sends a request that was admitted.
    pub(crate) fn sent(
        head: Request<()>,
        body: UnsentBody,
        send: SendRequest<Bytes>,
        state: Arc<ConnectionState>,
        is_alone: bool,
    ) -> Result<Self, CallError> {
        let sent = hand_over(head, body, send, &state);
        if sent.is_err() && is_alone {
            state.lone_calls.end(None);
        }
        let (response, request) = sent?;
        Ok(Self {
            stage: AttemptStage::Sent(response),
            state,
            request,
            held_back: None,
            is_alone,
        })
    }

    /// Sends a request when its turn comes. Until then, it names the connection of `state`.
    pub(crate) fn queued(request: QueuedRequest, state: Arc<ConnectionState>) -> Self {
        Self {
            stage: AttemptStage::Queued(Box::new(request)),
            held_back: state.admission.limit_in_the_way(),
            state,
            request: RequestSide::Sent(Handed::default(), None),
            is_alone: false,
        }
    }

    /// Returns the address at the other end of the connection that the request was sent on. While the
    /// request waits in line, that of a connection that it waits for.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.state.peer
    }

    /// Returns how many message bytes of the request were handed to HTTP/2 so far. They include
    /// gRPC's prefix of five bytes for each message.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.request.handed().bytes
    }

    /// Returns how many messages of the request were handed to HTTP/2 so far. A message counts once its
    /// prefix was.
    ///
    /// The size of the messages without their prefixes is [`bytes_sent`](Self::bytes_sent) less
    /// [`MESSAGE_PREFIX`](crate::MESSAGE_PREFIX) for each. While the request is being sent, call this
    /// method first: the other number may have grown meanwhile.
    #[must_use]
    pub fn messages_sent(&self) -> u64 {
        self.request.handed().messages
    }

    /// Returns whether the request waits in line: because of the server's limit of concurrent calls, or
    /// because the server lets nothing be sent.
    #[must_use]
    pub fn is_in_line(&self) -> bool {
        matches!(self.stage, AttemptStage::Queued(..))
    }

    /// Returns whether the request was handed to HTTP/2.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        matches!(self.stage, AttemptStage::Sent(_))
    }

    /// Returns what the attempt waits for.
    ///
    /// If more than 16 requests wait for flow control, the others count as waiting for the
    /// response.
    #[must_use]
    pub fn waiting_for(&self) -> WaitingFor {
        let limit = self.state.admission.limit_in_the_way();
        let step = match (&self.stage, limit) {
            (AttemptStage::Queued(..), Some(limit)) => WaitingStep::FreeStream { limit },
            (AttemptStage::Queued(..), None) if self.state.is_stuck() => WaitingStep::Writing,
            (AttemptStage::Queued(..), None) => WaitingStep::FlowControl,
            (AttemptStage::Sent(response), _) => self.step_after_sending(response),
            (AttemptStage::Ended, _) => WaitingStep::Response,
        };
        WaitingFor {
            peer: self.state.peer.clone(),
            step,
            held_back: self.held_back,
        }
    }

    /// Returns what an attempt waits for whose request was handed to HTTP/2.
    fn step_after_sending(&self, response: &ResponseFuture) -> WaitingStep {
        let stream = response.stream_id().as_u32();
        match (self.state.waiting_step(stream), &self.request) {
            // All that the application has made of a stream may have been sent.
            (WaitingStep::FlowControl, RequestSide::Upload(upload)) if !upload.waits() => {
                WaitingStep::Response
            }
            (WaitingStep::Response, RequestSide::Upload(upload)) if upload.waits() => {
                WaitingStep::FlowControl
            }
            (step, _) => step,
        }
    }

    /// Waits for the turn of a request that is queued, and sends it.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        if let AttemptStage::Queued(queued) = &mut self.stage {
            let admitted = ready!(queued.poll_turn(cx, &mut self.state))?;
            let AdmittedRequest {
                request,
                send,
                state,
            } = admitted;
            self.stage = AttemptStage::Ended;
            self.state = state;
            let UnsentRequest { head, body } = request;
            let (response, request) = hand_over(head, body, send, &self.state)?;
            self.stage = AttemptStage::Sent(response);
            self.request = request;
        }
        Poll::Ready(Ok(()))
    }
}

impl Future for ResponseHead {
    type Output = Result<Response<Incoming>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !matches!(this.stage, AttemptStage::Sent(_)) {
            ready!(this.poll_send(cx))?;
        }
        let AttemptStage::Sent(response) = &mut this.stage else {
            return Poll::Pending;
        };
        let waker = this.state.waker_for_h2(cx.waker(), this.is_alone);
        let cx = &mut Context::from_waker(waker);
        Poll::Ready(match ready!(Pin::new(&mut *response).poll(cx)) {
            Ok(head) => {
                if is_too_large(head.headers(), || response.stream_id(), &this.state) {
                    let status = head.headers().get(GRPC_STATUS);
                    let part = ResponsePart::Head;
                    let error = CallError::response_too_large(part, status, &this.state);
                    return Poll::Ready(Err(error));
                }
                let state = Arc::clone(&this.state);
                let request = this.request.take();
                let is_alone = mem::take(&mut this.is_alone);
                Ok(head.map(|recv| Incoming {
                    is_empty: recv.is_end_stream(),
                    recv: Some(recv),
                    is_alone,
                    state,
                    request,
                    data_ended: false,
                    is_ended: false,
                }))
            }
            Err(error) => {
                let stream = response.stream_id().as_u32();
                Err(this.request.take().error(&error, stream, &this.state))
            }
        })
    }
}

impl Drop for ResponseHead {
    fn drop(&mut self) {
        self.request.cancel(&self.state);
        if self.is_alone {
            self.state.lone_calls.end(None);
        }
    }
}

/// The body of a response, as it arrives. Dropping it before its end cancels the attempt.
pub struct Incoming {
    /// `None` only while it is dropped.
    recv: Option<RecvStream>,
    /// True while the attempt is served by the connection's [`LoneCalls`](crate::lone_calls::LoneCalls).
    is_alone: bool,
    state: Arc<ConnectionState>,
    request: RequestSide,
    /// True if the head ended the response.
    is_empty: bool,
    data_ended: bool,
    /// True once nothing follows.
    is_ended: bool,
}

/// A piece of a response body.
#[derive(Clone, Debug, PartialEq)]
pub enum IncomingFrame {
    /// Some bytes.
    Data(Bytes),
    /// The end, with trailers.
    Trailers(HeaderMap),
}

impl Incoming {
    /// Waits for the next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the attempt ends without the server's status.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<IncomingFrame, CallError>>> {
        let Some(recv) = &mut self.recv else {
            return Poll::Ready(None);
        };
        let waker = self.state.waker_for_h2(cx.waker(), self.is_alone);
        let cx = &mut Context::from_waker(waker);
        while !self.data_ended {
            match ready!(recv.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    // The caller has the data now; the window bounds only what it has not read yet.
                    let _ = recv.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(Ok(IncomingFrame::Data(data))));
                }
                Some(Err(error)) => {
                    self.data_ended = true;
                    return Poll::Ready(Some(Err(self.error(&error))));
                }
                None => self.data_ended = true,
            }
        }
        let trailers = ready!(recv.poll_trailers(cx));
        self.is_ended = true;
        match trailers {
            Ok(Some(trailers)) => {
                let stream = || recv.stream_id();
                Poll::Ready(Some(if is_too_large(&trailers, stream, &self.state) {
                    let status = trailers.get(GRPC_STATUS);
                    let part = ResponsePart::Trailers;
                    Err(CallError::response_too_large(part, status, &self.state))
                } else {
                    Ok(IncomingFrame::Trailers(trailers))
                }))
            }
            Ok(None) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(self.error(&error)))),
        }
    }

    /// Returns the address at the other end.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.state.peer
    }

    /// Returns whether the head ended the response: nothing follows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Returns how many message bytes of the request were handed to HTTP/2 so far. They include
    /// gRPC's prefix of five bytes for each message.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.request.handed().bytes
    }

    /// Returns how many messages of the request were handed to HTTP/2 so far. A message counts once its
    /// prefix was.
    ///
    /// The size of the messages without their prefixes is [`bytes_sent`](Self::bytes_sent) less
    /// [`MESSAGE_PREFIX`](crate::MESSAGE_PREFIX) for each. While the request is being sent, call this
    /// method first: the other number may have grown meanwhile.
    #[must_use]
    pub fn messages_sent(&self) -> u64 {
        self.request.handed().messages
    }

    fn error(&self, error: &h2::Error) -> CallError {
        let stream = self
            .recv
            .as_ref()
            .map_or(0, |recv| recv.stream_id().as_u32());
        self.request.error(error, stream, &self.state)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // A response without a body is dropped without a look at it.
        let recv = self.recv.take();
        let has_ended =
            self.is_ended || self.is_empty || recv.as_ref().is_none_or(RecvStream::is_end_stream);
        // After an answer to a part of the request, h2 would keep the rest, and the stream would stay
        // open.
        if !has_ended || self.request.is_unfinished(&self.state) {
            self.request.cancel(&self.state);
        }
        if self.is_alone {
            self.state.lone_calls.end(recv.filter(|_| has_ended));
        }
    }
}

impl fmt::Debug for ResponseHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHead")
            .field("peer", &self.state.peer)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("peer", &self.state.peer)
            .finish_non_exhaustive()
    }
}
