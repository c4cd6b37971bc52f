//! One stream of resources: one call in both directions.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Body as _;
use prost::Message;
use tower_service::Service;
use trunkline_channel::{Body, Channel, Messages, ResponseFuture, WaitForReady, with_prefix};
use trunkline_status::{Code, Status};

use super::requests::Requests;

/// A call in both directions. Dropping it cancels the call.
pub(super) struct Stream {
    /// `None` once there are no more.
    requests: Option<Requests>,
    response: Response,
    messages: Messages,
    /// What sets the limit of `messages`, for people; `None` if nothing does.
    setting: Option<&'static str>,
    /// True once the next message may be read, until it was.
    may_read: bool,
}

/// How far the response is.
enum Response {
    /// Its head has not come.
    Head(ResponseFuture),
    /// Its messages come.
    Body(Body),
    /// It has ended.
    Ended,
}

/// What happens on a stream.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// The connection took this number of requests.
    Taken(usize),
    /// A message came.
    Message(Bytes),
    /// The call ended. Nothing follows.
    Ended(Status),
}

impl Stream {
    /// Starts a call of the method at `path`, which waits for a connection without a deadline.
    /// Messages may have up to `limit` bytes.
    pub(super) fn start(mut channel: &Channel, path: &'static str, limit: usize) -> Self {
        let (requests, body) = Requests::new();
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_static(path);
        let content_type = http::HeaderValue::from_static("application/grpc");
        let headers = request.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, content_type);
        request.extensions_mut().insert(WaitForReady(true));
        Self {
            requests: Some(requests),
            response: Response::Head(channel.call(request)),
            messages: Messages::new(limit),
            setting: None,
            may_read: false,
        }
    }

    /// Sets what sets the limit of messages: the error of a longer one names it.
    pub(super) fn with_setting(mut self, setting: &'static str) -> Self {
        self.setting = Some(setting);
        self
    }

    /// Sends a message once the connection takes it.
    pub(super) fn send(&self, message: &impl Message) {
        if let Some(requests) = &self.requests {
            requests.push(with_prefix(&message.encode_to_vec()));
        }
    }

    /// Ends the client's side of the call: what was sent arrives, and nothing after it.
    pub(super) fn finish(&mut self) {
        self.requests = None;
    }

    /// Allows the next message to be read.
    pub(super) fn read(&mut self) {
        self.may_read = true;
    }

    /// Ready with what happened.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<StreamEvent> {
        if matches!(self.response, Response::Ended) {
            return Poll::Pending;
        }
        // A request is reported before the answer to it.
        if let Some(requests) = &self.requests
            && let Poll::Ready(taken) = requests.poll_taken(cx)
        {
            return Poll::Ready(StreamEvent::Taken(taken));
        }
        let event = ready!(self.poll_response(cx)).unwrap_or_else(|status| {
            self.response = Response::Ended;
            StreamEvent::Ended(status)
        });
        Poll::Ready(event)
    }

    /// Ready with the next message, if it may be read, or with the status of the call.
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<StreamEvent, Status>> {
        if let Response::Head(future) = &mut self.response {
            let Ok(response) = ready!(Pin::new(future).poll(cx));
            let (head, body) = response.into_parts();
            if let Some(status) = Status::from_trailers(&head.headers) {
                return Poll::Ready(Err(status));
            }
            self.response = Response::Body(body);
        }
        let Response::Body(body) = &mut self.response else {
            return Poll::Pending;
        };
        if !self.may_read {
            return Poll::Pending;
        }
        loop {
            let setting = self.setting;
            let next = self.messages.next();
            if let Some(message) = next.map_err(|status| named(status, setting))? {
                self.may_read = false;
                return Poll::Ready(Ok(StreamEvent::Message(message)));
            }
            let Some(Ok(frame)) = ready!(Pin::new(&mut *body).poll_frame(cx)) else {
                return Poll::Ready(Err(without_status()));
            };
            match frame.into_data() {
                Ok(data) => self.messages.push(&data),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return Poll::Ready(Err(status_of(&trailers)));
                }
            }
        }
    }
}

/// Adds the setting to the error of a message that is too long.
fn named(status: Status, setting: Option<&'static str>) -> Status {
    match setting {
        Some(setting) if status.code() == Code::ResourceExhausted => {
            let text = format!("{} ({setting} sets it)", status.message());
            Status::new(status.code(), text)
        }
        _ => status,
    }
}

fn status_of(trailers: &HeaderMap) -> Status {
    Status::from_trailers(trailers).unwrap_or_else(without_status)
}

fn without_status() -> Status {
    Status::new(Code::Unknown, "the stream ended without a status")
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let response = match self.response {
            Response::Head(_) => "awaits the head",
            Response::Body(_) => "open",
            Response::Ended => "ended",
        };
        f.debug_struct("Stream")
            .field("response", &response)
            .field("requests", &self.requests)
            .field("may_read", &self.may_read)
            .finish_non_exhaustive()
    }
}
