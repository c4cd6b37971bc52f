//! A user's service, which answers the calls of a backend.

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use trunkline_runtime::BoxFuture;

use super::incoming::IncomingBody;
use super::reset::unless_abandoned;

/// An error of a user's service or of its response body.
type BoxError = Box<dyn Error + Send + Sync>;

/// A service of any type.
pub(super) trait CallService: Send {
    /// Returns a clone of the service.
    fn cloned(&self) -> Box<dyn CallService>;

    /// Answers one call.
    ///
    /// The output is the error with which the service failed. A call that the client abandons ends
    /// without one.
    fn answer(
        self: Box<Self>,
        request: Request<IncomingBody>,
        respond: SendResponse<Bytes>,
    ) -> BoxFuture<Result<(), BoxError>>;
}

/// Hides the type of `service`.
pub(super) fn erased<S, B>(service: S) -> Box<dyn CallService>
where
    S: Service<Request<IncomingBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    Box::new(ErasedService(service))
}

struct ErasedService<S>(S);

impl<S, B> CallService for ErasedService<S>
where
    S: Service<Request<IncomingBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    fn cloned(&self) -> Box<dyn CallService> {
        Box::new(Self(self.0.clone()))
    }

    fn answer(
        self: Box<Self>,
        request: Request<IncomingBody>,
        respond: SendResponse<Bytes>,
    ) -> BoxFuture<Result<(), BoxError>> {
        Box::pin(async move {
            match answer(self.0, request, respond).await {
                Ok(()) | Err(Failure::Abandoned) => Ok(()),
                Err(Failure::Service(error)) => Err(error),
            }
        })
    }
}

/// Why a call did not get its whole response.
enum Failure {
    /// The client reset the call, or the connection was lost.
    Abandoned,
    /// The service or the body of its response failed.
    Service(BoxError),
}

impl From<h2::Error> for Failure {
    fn from(_: h2::Error) -> Self {
        Self::Abandoned
    }
}

async fn answer<S, B>(
    mut service: S,
    request: Request<IncomingBody>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), Failure>
where
    S: Service<Request<IncomingBody>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Error: Into<BoxError>>,
{
    let answering = async {
        poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(request).await
    };
    let answered = unless_abandoned(&mut respond, answering).await?;
    let response = answered.map_err(|error| {
        respond.send_reset(Reason::INTERNAL_ERROR);
        Failure::Service(error.into())
    })?;
    let (head, body) = response.into_parts();
    let is_end = body.is_end_stream();
    let sent = respond.send_response(Response::from_parts(head, ()), is_end);
    let mut stream = sent.map_err(|error| {
        // The head is no valid HTTP/2, for example because of a `connection` header.
        respond.send_reset(Reason::INTERNAL_ERROR);
        Failure::Service(error.into())
    })?;
    if is_end {
        return Ok(());
    }
    send_body(&mut stream, body).await
}

/// Sends a body as fast as the client's flow-control window allows.
async fn send_body<B>(stream: &mut SendStream<Bytes>, body: B) -> Result<(), Failure>
where
    B: Body<Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    loop {
        let read = poll_fn(|cx| body.as_mut().poll_frame(cx));
        let frame = match unless_abandoned(stream, read).await? {
            None => {
                stream.send_data(Bytes::new(), true)?;
                return Ok(());
            }
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Err(Failure::Service(error.into()));
            }
        };
        match frame.into_data() {
            Ok(mut data) => {
                let data = data.copy_to_bytes(data.remaining());
                send_data(stream, data).await?;
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    stream.send_trailers(trailers)?;
                    return Ok(());
                }
            }
        }
    }
}

async fn send_data(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), Failure> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        // Also returns `None`, or an error, when the client resets the call.
        let room = poll_fn(|cx| match stream.capacity() {
            0 => stream.poll_capacity(cx),
            room => Poll::Ready(Some(Ok(room))),
        });
        let room = room.await.ok_or(Failure::Abandoned)??;
        let part = data.split_to(room.min(data.len()));
        if !part.is_empty() {
            stream.send_data(part, false)?;
        }
    }
    Ok(())
}
