//! One call on one connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::{HeaderMap, Request, Response};
use trunkline_runtime::PeerAddr;

use crate::connection::Connection;
use crate::error::{CallError, Fate};
use crate::source::Replay;
use crate::state::ConnectionState;
use crate::upload::{Outgoing, Upload, Wanted};

impl Connection {
    /// Sends a request: its head, and as much of its body as is there. The rest of the body, if
    /// any, is sent by the [`Upload`], which the caller spawns.
    ///
    /// Over the server's limit of concurrent calls, h2 holds the request back until one ends.
    ///
    /// # Errors
    ///
    /// When the connection takes no calls any more: nothing was sent, and the body comes back.
    pub fn send<B>(&self, head: Request<()>, body: Outgoing<B>) -> Result<Sent<B>, Unsent<B>> {
        let no_body = matches!(body, Outgoing::Whole(None));
        // A clone has no pending request of its own, so that it is always ready.
        let (response, mut send) = match self.send.clone().send_request(head, no_body) {
            Ok(sent) => sent,
            Err(error) => {
                return Err(Unsent {
                    error: CallError::not_sent(&error, &self.state),
                    body,
                });
            }
        };
        let (upload, wanted, replay) = match body {
            Outgoing::Whole(data) => {
                if let Some(data) = data.clone() {
                    // An error here is the stream's own, and comes out of the exchange too.
                    let _ = send.send_data(data, true);
                }
                (None, None, Replay::whole(data))
            }
            Outgoing::Streaming { early, rest } => {
                let (upload, wanted, replay) = Upload::new(send, early, rest);
                (Some(Box::pin(upload)), Some(wanted), replay)
            }
        };
        let state = Arc::clone(&self.state);
        let exchange = Exchange {
            response,
            state,
            wanted,
        };
        Ok(Sent {
            exchange,
            upload,
            replay,
        })
    }
}

/// A call that was sent.
#[derive(Debug)]
pub struct Sent<B> {
    /// Waits for the response.
    pub exchange: Exchange,
    /// Sends the rest of the request, if there is any.
    pub upload: Option<Pin<Box<Upload<B>>>>,
    /// Makes the call again, if no server acts on it.
    pub replay: Replay<B>,
}

/// A call that was not sent.
#[derive(Debug)]
pub struct Unsent<B> {
    /// Why.
    pub error: CallError,
    /// The body that was to be sent.
    pub body: Outgoing<B>,
}

/// Waits for the head of a response.
#[must_use = "dropping it cancels the call"]
pub struct Exchange {
    response: ResponseFuture,
    state: Arc<ConnectionState>,
    wanted: Option<Wanted>,
}

impl Future for Exchange {
    type Output = Result<Response<Incoming>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.response).poll(cx)) {
            Ok(response) => {
                let state = Arc::clone(&self.state);
                let wanted = self.wanted.take();
                wanted.iter().for_each(Wanted::answered);
                Ok(response.map(|recv| Incoming {
                    recv,
                    state,
                    wanted,
                    data_ended: false,
                }))
            }
            Err(error) => {
                let stream = self.response.stream_id().as_u32();
                let wanted = self.wanted.as_ref();
                Err(call_error(&error, stream, &self.state, wanted))
            }
        })
    }
}

/// The body of a response, as it comes in. Dropping it before its end cancels the call.
pub struct Incoming {
    recv: RecvStream,
    state: Arc<ConnectionState>,
    wanted: Option<Wanted>,
    data_ended: bool,
}

/// A piece of a response body.
#[derive(Clone, Debug, PartialEq)]
pub enum IncomingFrame {
    /// Some octets.
    Data(Bytes),
    /// The end, with trailers.
    Trailers(HeaderMap),
}

impl Incoming {
    /// The next piece; `None` at the end.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<IncomingFrame, CallError>>> {
        while !self.data_ended {
            match ready!(self.recv.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    // The caller holds it now; the window is for what it has not seen yet.
                    let _ = self.recv.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(Ok(IncomingFrame::Data(data))));
                }
                Some(Err(error)) => {
                    self.data_ended = true;
                    return Poll::Ready(Some(Err(self.error(&error))));
                }
                None => self.data_ended = true,
            }
        }
        match ready!(self.recv.poll_trailers(cx)) {
            Ok(Some(trailers)) => Poll::Ready(Some(Ok(IncomingFrame::Trailers(trailers)))),
            Ok(None) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(self.error(&error)))),
        }
    }

    /// The address that it comes from.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.state.peer
    }

    /// Whether it is known that nothing follows.
    #[must_use]
    pub fn is_end_stream(&self) -> bool {
        self.recv.is_end_stream()
    }

    fn error(&self, error: &h2::Error) -> CallError {
        let stream = self.recv.stream_id().as_u32();
        call_error(error, stream, &self.state, self.wanted.as_ref())
    }
}

/// Why a call ended: what h2 says of its stream, unless it was our own doing.
fn call_error(
    error: &h2::Error,
    stream: u32,
    state: &ConnectionState,
    wanted: Option<&Wanted>,
) -> CallError {
    match wanted.and_then(Wanted::failure) {
        Some(status) => CallError::new(status.clone(), Fate::Unknown),
        None => CallError::of_stream(error, stream, state),
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
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
