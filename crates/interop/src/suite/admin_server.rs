//! A server of this program, for foreign clients that read what it shows of itself.

use std::convert::Infallible;
use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tonic::body::Body;
use trunkline::tower_service::Service;

use crate::wrong::Wrong;

/// A server on a thread of its own. Dropping it ends it.
pub(super) struct AdminServer {
    pub(super) address: SocketAddr,
    runtime: Option<Runtime>,
}

impl AdminServer {
    /// Starts a server of this service.
    pub(super) fn start<S>(service: S) -> Result<Self, Wrong>
    where
        S: Service<http::Request<Incoming>, Response = http::Response<Body>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
    {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        runtime.spawn(serve(listener, service));
        Ok(Self {
            address,
            runtime: Some(runtime),
        })
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Does not wait for the connections.
            runtime.shutdown_background();
        }
    }
}

/// Serves connections until the listener fails.
async fn serve<S>(listener: TcpListener, service: S)
where
    S: Service<http::Request<Incoming>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        let answer = service_fn(move |request| service.clone().call(request));
        let server = http2::Builder::new(TokioExecutor::new());
        // The client may end the connection in any way.
        tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
    }
}
