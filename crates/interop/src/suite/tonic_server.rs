//! The server whose code tonic generates.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;
use tonic::codec::CompressionEncoding::Gzip;
use trunkline::tower_service::Service;
use trunkline_testkit::certificates::{ServerOptions, server_config, server_config_with};

use super::addresses::Addresses;
use super::cases::MAX_STREAMS;
use super::certificates::Certificates;
use super::echo::{EchoBody, INITIAL};
use super::messages::{MessageBody, SeenFlags, StaysCompressed};
use super::proto::test_service_server::TestServiceServer;
use super::service::{ClientAddress, Tests};
use super::trace_parent::return_parent;

/// A server at free ports of loopback. Dropping it ends it.
#[derive(Debug)]
pub(super) struct TonicServer {
    pub(super) addresses: Addresses,
    runtime: Option<Runtime>,
}

impl TonicServer {
    /// Starts the server on a thread of its own.
    pub(super) fn start(certificates: &Certificates) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let options = ServerOptions {
            client_authority: Some(certificates.root()),
            ..ServerOptions::default()
        };
        let listen = || -> io::Result<(TcpListener, SocketAddr)> {
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let serve_tls = |config| -> io::Result<SocketAddr> {
            let (listener, address) = listen()?;
            let acceptor = TlsAcceptor::from(config);
            let serve = move |stream, client| serve_tls(stream, client, acceptor.clone());
            runtime.spawn(accept(listener, serve));
            Ok(address)
        };
        let (listener, plaintext) = listen()?;
        runtime.spawn(accept(listener, serve));
        let addresses = Addresses {
            plaintext,
            tls: serve_tls(server_config(&certificates.server))?,
            mutual: serve_tls(server_config_with(&certificates.server, &options))?,
        };
        Ok(Self {
            addresses,
            runtime: Some(runtime),
        })
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
async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream, SocketAddr) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while let Ok((stream, client)) = listener.accept().await {
        // Without this option small frames wait for the client's ACK. A failure costs only time.
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve(stream, client));
    }
}

async fn serve_tls(stream: TcpStream, client: SocketAddr, acceptor: TlsAcceptor) {
    // A handshake that fails is an error at the client, too.
    if let Ok(stream) = acceptor.accept(stream).await {
        serve(stream, client).await;
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, client: SocketAddr) {
    // The client may end the connection in any way.
    let _ = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(MAX_STREAMS)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| answer(request, client)),
        )
        .await;
}

/// Answers one call.
async fn answer(
    mut request: Request<Incoming>,
    client: SocketAddr,
) -> Result<Response<EchoBody<MessageBody<tonic::body::Body>>>, Infallible> {
    let mut tests = TestServiceServer::new(Tests)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let flags = SeenFlags::default();
    request.extensions_mut().insert(flags.clone());
    request.extensions_mut().insert(ClientAddress(client));
    let headers = request.headers().clone();
    let request = request.map(|body| MessageBody::new(body, Some(flags), None));
    let mut response = tests.call(request).await?;
    if let Some(value) = headers.get(INITIAL) {
        response.headers_mut().insert(INITIAL, value.clone());
    }
    return_parent(&headers, response.headers_mut());
    let stay = response.extensions_mut().remove::<StaysCompressed>();
    Ok(response.map(|body| EchoBody::new(MessageBody::new(body, None, stay), &headers)))
}
