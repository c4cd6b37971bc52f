//! Records the peer of a call, also when the stub returns nothing but a status.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body as TonicBody;
use tower_service::Service;
use trunkline::{Body, Channel, PeerAddr};
use trunkline_runtime::Lock;

/// A channel for one call that records the address of the backend that answers.
#[derive(Clone, Debug)]
pub(crate) struct PeerRecorder {
    channel: Channel,
    peer: Arc<Lock<Option<PeerAddr>>>,
}

impl PeerRecorder {
    pub(crate) fn new(channel: Channel) -> Self {
        Self {
            channel,
            peer: Arc::default(),
        }
    }

    /// Returns the address of the backend that answered; `None` without an answer.
    pub(crate) fn peer(&self) -> Option<PeerAddr> {
        self.peer.lock().clone()
    }
}

impl Service<Request<TonicBody>> for PeerRecorder {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<TonicBody>) -> Self::Future {
        let call = self.channel.call(request);
        let slot = Arc::clone(&self.peer);
        Box::pin(async move {
            let response = call.await?;
            let peer = response.extensions().get::<PeerAddr>().cloned();
            *slot.lock() = peer;
            Ok(response)
        })
    }
}
