//! A door: the listener of one address family, and the connections that it accepted.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::backlog::FullBacklog;
use super::counters::AtomicCounters;
use super::options::Options;
use super::service::Services;

/// How long a connection may take to finish its calls after GOAWAY.
const GRACE: Duration = Duration::from_secs(5);

/// An order to a door, from the task that handles commands and signals.
#[derive(Debug)]
pub(super) struct DoorOrder {
    pub(super) action: DoorAction,
    /// Gets the result when the action is done.
    pub(super) done: oneshot::Sender<Result<(), String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DoorAction {
    /// Closes the connections, and leaves the SYNs of new ones unanswered.
    Silence,
    /// Accepts again.
    Open,
    /// Closes the connections and the listener.
    Drain,
}

#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    options: Arc<Options>,
    counters: Arc<AtomicCounters>,
    state: DoorState,
    /// The source addresses of the last [`FullBacklog`], whose connections may still be in the
    /// queue.
    fillers: BTreeSet<SocketAddr>,
    connections: JoinSet<()>,
    /// How often all connections were asked to send GOAWAY and to end. Each connection watches it.
    goaway: watch::Sender<u64>,
}

#[derive(Debug)]
enum DoorState {
    Open(TcpListener),
    Silent(TcpListener, FullBacklog),
    Closed,
}

impl Door {
    pub(super) fn new(
        listener: TcpListener,
        options: Arc<Options>,
        counters: Arc<AtomicCounters>,
    ) -> io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            options,
            counters,
            state: DoorState::Open(listener),
            fillers: BTreeSet::new(),
            connections: JoinSet::new(),
            goaway: watch::Sender::new(0),
        })
    }

    /// Serves until the channel of `orders` is closed.
    ///
    /// # Errors
    ///
    /// When the listener fails.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<DoorOrder>) -> io::Result<()> {
        loop {
            let event = {
                let accept = accept(&self.state);
                let mut accept = std::pin::pin!(accept);
                let connections = &mut self.connections;
                std::future::poll_fn(|cx| {
                    // Takes out the connections that have ended; each has counted its own end.
                    while let std::task::Poll::Ready(Some(_)) = connections.poll_join_next(cx) {}
                    if let std::task::Poll::Ready(order) = orders.poll_recv(cx) {
                        return std::task::Poll::Ready(DoorEvent::Ordered(order));
                    }
                    accept.as_mut().poll(cx).map(DoorEvent::Accepted)
                })
                .await
            };
            match event {
                DoorEvent::Ordered(None) => return Ok(()),
                DoorEvent::Ordered(Some(order)) => {
                    let result = self.carry_out(order.action).await;
                    // A process that is ending does not wait for the result.
                    let _ = order.done.send(result);
                }
                DoorEvent::Accepted(Ok((stream, peer))) => self.accepted(stream, peer),
                DoorEvent::Accepted(Err(error)) if is_of_the_connection(&error) => {}
                DoorEvent::Accepted(Err(error)) => return Err(error),
            }
        }
    }

    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr) {
        if self.fillers.remove(&peer) {
            return;
        }
        let open = CountedConnection::new(Arc::clone(&self.counters));
        let goaway = self.goaway.subscribe();
        let services = Services::new(
            &self.options,
            self.address,
            Arc::clone(&self.counters),
            goaway.clone(),
        );
        self.connections.spawn(async move {
            serve(stream, services, goaway).await;
            drop(open);
        });
    }

    async fn carry_out(&mut self, action: DoorAction) -> Result<(), String> {
        match (
            action,
            std::mem::replace(&mut self.state, DoorState::Closed),
        ) {
            (DoorAction::Silence, DoorState::Open(listener)) => {
                // Goes silent before it closes the connections, so that a client that reconnects
                // gets no answer.
                let backlog = FullBacklog::fill(self.address).await;
                match backlog {
                    Ok(backlog) => self.state = DoorState::Silent(listener, backlog),
                    Err(error) => {
                        self.state = DoorState::Open(listener);
                        return Err(format!("cannot fill the backlog: {error}"));
                    }
                }
                self.close_connections().await
            }
            (DoorAction::Open, DoorState::Silent(listener, backlog)) => {
                self.fillers = backlog.into_sources();
                self.state = DoorState::Open(listener);
                Ok(())
            }
            (DoorAction::Drain, _) => self.close_connections().await,
            (_, state) => {
                self.state = state;
                Ok(())
            }
        }
    }

    /// Sends GOAWAY on all connections and waits until their calls are finished.
    async fn close_connections(&mut self) -> Result<(), String> {
        self.goaway.send_modify(|times| *times += 1);
        let all = async { while self.connections.join_next().await.is_some() {} };
        if timeout(GRACE, all).await.is_ok() {
            return Ok(());
        }
        let left = self.connections.len();
        self.connections.shutdown().await;
        Err(format!(
            "{left} connections at {} were still open {} s after GOAWAY, and were cut",
            self.address,
            GRACE.as_secs(),
        ))
    }
}

enum DoorEvent {
    Ordered(Option<DoorOrder>),
    Accepted(io::Result<(TcpStream, SocketAddr)>),
}

async fn accept(state: &DoorState) -> io::Result<(TcpStream, SocketAddr)> {
    match state {
        DoorState::Open(listener) => listener.accept().await,
        DoorState::Silent(..) | DoorState::Closed => std::future::pending().await,
    }
}

/// Returns whether the error concerns a connection that is gone, and not the listener.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Serves one connection until its end. Ends it gracefully when `goaway` changes.
async fn serve(stream: TcpStream, services: Services, mut goaway: watch::Receiver<u64>) {
    // Without this option small frames wait for the client's ACK. A failure costs only time.
    let _ = stream.set_nodelay(true);
    let mut connection = std::pin::pin!(
        http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(1000)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(services))
    );
    let ended = {
        let mut asked = std::pin::pin!(goaway.changed());
        std::future::poll_fn(|cx| {
            if connection.as_mut().poll(cx).is_ready() {
                return std::task::Poll::Ready(true);
            }
            asked.as_mut().poll(cx).map(|_| false)
        })
        .await
    };
    if !ended {
        connection.as_mut().graceful_shutdown();
        // The client may end the connection in any way; the backend only counts the end.
        let _ = connection.await;
    }
}

/// An accepted connection. Counts its end on drop, whatever the reason.
#[derive(Debug)]
struct CountedConnection(Arc<AtomicCounters>);

impl CountedConnection {
    fn new(counters: Arc<AtomicCounters>) -> Self {
        counters.accepted();
        Self(counters)
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.closed();
    }
}
