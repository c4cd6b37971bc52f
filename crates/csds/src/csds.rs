//! The service.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Bytes, Service, http};
use tonic::server::{Grpc, NamedService};
use tonic_prost::ProstCodec;
use trunkline_xds::XdsPool;

use crate::methods::{Fetch, Watch};

/// The client status discovery service, for a tonic server on any runtime:
/// `Server::builder().add_service(Csds::new(XdsPool::global()))`.
///
/// It shows the clients of one pool. It keeps none: a client disappears when the last of its channels
/// ends.
///
/// Whoever can call it reads the targets, routes and addresses of the program. Serve it where only
/// operators of the program connect.
///
/// Source: [gRFC A40](https://github.com/grpc/proposal/blob/master/A40-csds-support.md).
#[derive(Clone, Debug)]
pub struct Csds {
    pool: XdsPool,
}

impl Csds {
    /// Returns the service for the clients of `pool`.
    #[must_use]
    pub fn new(pool: XdsPool) -> Self {
        Self { pool }
    }
}

impl NamedService for Csds {
    const NAME: &'static str = "envoy.service.status.v3.ClientStatusDiscoveryService";
}

impl<B> Service<http::Request<B>> for Csds
where
    B: tonic::codegen::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Answers a call; UNIMPLEMENTED for a method that the service does not have.
    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let pool = self.pool.clone();
        let path = request.uri().path().strip_prefix('/');
        let method = path.and_then(|path| path.strip_prefix(Self::NAME));
        match method {
            Some("/FetchClientStatus") => Box::pin(async move {
                let mut server = Grpc::new(ProstCodec::default());
                Ok(server.unary(Fetch(pool), request).await)
            }),
            Some("/StreamClientStatus") => Box::pin(async move {
                let mut server = Grpc::new(ProstCodec::default());
                Ok(server.streaming(Watch(pool), request).await)
            }),
            _ => {
                let status =
                    Status::unimplemented("FetchClientStatus and StreamClientStatus are there");
                Box::pin(ready(Ok(status.into_http())))
            }
        }
    }
}
