//! The server whose code tonic generates.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tonic::codec::CompressionEncoding::Gzip;
use trunkline::tower_service::Service;

use super::echo::{EchoBody, INITIAL};
use super::messages::{MessageBody, SeenFlags, StaysCompressed};
use super::proto::test_service_server::TestServiceServer;
use super::service::Tests;

/// The most streams at a time on a connection.
const MAX_STREAMS: u32 = 100;

/// A server at a free port of loopback. Dropping it ends it.
#[derive(Debug)]
pub(super) struct TonicServer {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl TonicServer {
    /// Starts the server on a thread of its own.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        runtime.spawn(accept(listener));
        let runtime = Some(runtime);
        Ok(Self { address, runtime })
    }

    /// Returns the address at which the server listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TonicServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Does not wait for the connections.
            runtime.shutdown_background();
        }
    }
}

/// Serves connections until the listener fails. One at a free port does not; if it does, every case
/// shows it.
async fn accept(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream));
    }
}

async fn serve(stream: TcpStream) {
    // Without this option small frames wait for the client's ACK. A failure costs only time.
    let _ = stream.set_nodelay(true);
    // The client may end the connection in any way.
    let _ = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(MAX_STREAMS)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

/// Answers one call.
async fn answer(
    mut request: Request<Incoming>,
) -> Result<Response<EchoBody<MessageBody<tonic::body::Body>>>, Infallible> {
    let mut tests = TestServiceServer::new(Tests)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let flags = SeenFlags::default();
    request.extensions_mut().insert(flags.clone());
    let headers = request.headers().clone();
    let request = request.map(|body| MessageBody::new(body, Some(flags), None));
    let mut response = tests.call(request).await?;
    if let Some(value) = headers.get(INITIAL) {
        response.headers_mut().insert(INITIAL, value.clone());
    }
    let stay = response.extensions_mut().remove::<StaysCompressed>();
    Ok(response.map(|body| EchoBody::new(MessageBody::new(body, None, stay), &headers)))
}
