//! A channel whose responses can be looked at before tonic reads them.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use trunkline::tower_service::Service;
use trunkline::{BoxFuture, Channel};

use super::messages::{MessageBody, SeenFlags, StaysCompressed};

/// What arrived on the wire for one call. Put it into the extensions of the request.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The compressed flags of the response messages.
    pub(super) flags: SeenFlags,
    head: Arc<Mutex<HeaderMap>>,
}

impl Seen {
    /// Returns the headers of the response; tonic mixes them with the trailers of a unary call.
    pub(super) fn headers(&self) -> HeaderMap {
        let head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        head.clone()
    }
}

/// A Trunkline channel. It heeds [`Seen`] and [`StaysCompressed`] in the extensions of a request.
#[derive(Clone, Debug)]
pub(super) struct Watched(pub(super) Channel);

impl Service<Request<tonic::body::Body>> for Watched {
    type Response = Response<MessageBody<trunkline::Body>>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<tonic::body::Body>>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, mut request: Request<tonic::body::Body>) -> Self::Future {
        let seen = request.extensions().get::<Seen>().cloned();
        let flags = seen.as_ref().map(|seen| seen.flags.clone());
        let response = match request.extensions_mut().remove::<StaysCompressed>() {
            Some(stays) => self
                .0
                .call(request.map(|body| MessageBody::new(body, None, Some(stays)))),
            None => self.0.call(request),
        };
        Box::pin(async move {
            let response = response.await?;
            if let Some(seen) = seen {
                let mut head = seen.head.lock().unwrap_or_else(PoisonError::into_inner);
                head.clone_from(response.headers());
            }
            Ok(response.map(|body| MessageBody::new(body, flags, None)))
        })
    }
}
