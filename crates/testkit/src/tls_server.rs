//! A gRPC server over TLS on a real socket, on a thread of its own.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread::JoinHandle;

use async_compat::Compat;
use futures_rustls::TlsAcceptor;
use futures_rustls::rustls::ServerConfig;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tonic::body::Body;
use tonic::codegen::async_trait;
use tonic::{Request, Response, Status};
use tower_service::Service;

use crate::proto::helloworld::greeter_server::{Greeter, GreeterServer};
use crate::proto::helloworld::{HelloReply, HelloRequest};

/// A server over TLS on 127.0.0.1: of `helloworld.Greeter`, or of any service. It stops when it is
/// dropped.
#[derive(Debug)]
pub struct TlsServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    config: Mutex<Arc<ServerConfig>>,
    accepts: watch::Sender<usize>,
    handshakes: AtomicUsize,
    /// How often all connections were asked to end.
    drains: watch::Sender<u64>,
}

impl TlsServer {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// When no socket or thread can be made.
    pub fn start(config: Arc<ServerConfig>) -> io::Result<Self> {
        Self::start_service(GreeterServer::new(Hello), config)
    }

    /// Starts a server of this service, as [`start`](Self::start) does.
    ///
    /// # Errors
    ///
    /// When no socket or thread can be made.
    pub fn start_service<S>(service: S, config: Arc<ServerConfig>) -> io::Result<Self>
    where
        S: Service<http::Request<Incoming>, Response = http::Response<Body>>,
        S: Clone + Send + 'static,
        S::Error: std::error::Error + Send + Sync,
        S::Future: Send,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            config: Mutex::new(config),
            accepts: watch::Sender::new(0),
            handshakes: AtomicUsize::new(0),
            drains: watch::Sender::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new().spawn(move || {
            tokio.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::spawn(accept(listener, serving, service));
                // An error means the same: the handle was dropped.
                let _ = stopped.await;
            });
        })?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the address at which the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the configuration of later connections.
    ///
    /// # Panics
    ///
    /// When the server's thread has panicked.
    pub fn set_config(&self, config: Arc<ServerConfig>) {
        *self.shared.config.lock().expect("no panic") = config;
    }

    /// Ends the connections, in good order: with GOAWAY, and after the answers to their calls.
    pub fn drain(&self) {
        self.shared.drains.send_modify(|times| *times += 1);
    }

    /// Returns the number of connections so far.
    #[must_use]
    pub fn accepts(&self) -> usize {
        *self.shared.accepts.borrow()
    }

    /// Waits until the server has had this number of connections.
    pub async fn accepted(&self, connections: usize) {
        let mut accepts = self.shared.accepts.subscribe();
        // The sender is in `self`, so it is there.
        let _ = accepts.wait_for(|accepts| *accepts >= connections).await;
    }

    /// Returns the number of handshakes that succeeded so far.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        self.shared.handshakes.load(Ordering::Relaxed)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server was printed already.
            let _ = thread.join();
        }
    }
}

async fn accept<S>(listener: TcpListener, shared: Arc<Shared>, service: S)
where
    S: Service<http::Request<Incoming>, Response = http::Response<Body>>,
    S: Clone + Send + 'static,
    S::Error: std::error::Error + Send + Sync,
    S::Future: Send,
{
    while let Ok((stream, _)) = listener.accept().await {
        shared.accepts.send_modify(|accepts| *accepts += 1);
        tokio::spawn(serve(stream, Arc::clone(&shared), service.clone()));
    }
}

async fn serve<S>(stream: TcpStream, shared: Arc<Shared>, service: S)
where
    S: Service<http::Request<Incoming>, Response = http::Response<Body>>,
    S: Clone + Send + 'static,
    S::Error: std::error::Error + Send + Sync,
    S::Future: Send,
{
    let _ = stream.set_nodelay(true);
    let mut drains = shared.drains.subscribe();
    let config = Arc::clone(&shared.config.lock().expect("no panic"));
    let accepted = TlsAcceptor::from(config).accept(Compat::new(stream)).await;
    let Ok(stream) = accepted else {
        return;
    };
    shared.handshakes.fetch_add(1, Ordering::Relaxed);
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(
            TokioIo::new(Compat::new(stream)),
            TowerToHyperService::new(service),
        );
    let mut connection = std::pin::pin!(connection);
    let is_over = {
        let mut asked = std::pin::pin!(drains.changed());
        poll_fn(|cx| match connection.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending => asked.as_mut().poll(cx).map(|_| false),
        })
        .await
    };
    if !is_over {
        connection.as_mut().graceful_shutdown();
        // The client may end the connection in any way.
        let _ = connection.await;
    }
}

/// Greets.
#[derive(Debug)]
struct Hello;

#[async_trait]
impl Greeter for Hello {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        Ok(Response::new(HelloReply {
            message: format!("Hello {}", request.into_inner().name),
        }))
    }
}
