//! The listener of one address family, and the connections that came through it.

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

use super::Options;
use super::backlog::FullBacklog;
use super::counters::Tally;
use super::service::Services;

/// How long connections have to finish what is in flight after their GOAWAY.
const GRACE: Duration = Duration::from_secs(5);

/// What a door is told to do; each is answered when it is done.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) what: What,
    pub(super) done: oneshot::Sender<Result<(), String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Close the connections, and let new ones get no answer.
    Silence,
    /// Accept again.
    Open,
    /// Close the connections and the listener.
    Drain,
}

#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    options: Arc<Options>,
    tally: Arc<Tally>,
    state: State,
    /// Connections of the last [`FullBacklog`] that may still wait to be accepted.
    fillers: BTreeSet<SocketAddr>,
    connections: JoinSet<()>,
    /// Changes when all connections are to send GOAWAY and end.
    goaway: watch::Sender<u64>,
}

#[derive(Debug)]
enum State {
    Open(TcpListener),
    Silent(TcpListener, FullBacklog),
    Closed,
}

impl Door {
    pub(super) fn new(
        listener: TcpListener,
        options: Arc<Options>,
        tally: Arc<Tally>,
    ) -> io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            options,
            tally,
            state: State::Open(listener),
            fillers: BTreeSet::new(),
            connections: JoinSet::new(),
            goaway: watch::Sender::new(0),
        })
    }

    /// Serves until `orders` is closed.
    ///
    /// # Errors
    ///
    /// When the listener fails.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) -> io::Result<()> {
        loop {
            let event = {
                let accept = accept(&self.state);
                let mut accept = std::pin::pin!(accept);
                let connections = &mut self.connections;
                std::future::poll_fn(|cx| {
                    // Ended connections only free their place; they have counted themselves.
                    while let std::task::Poll::Ready(Some(_)) = connections.poll_join_next(cx) {}
                    if let std::task::Poll::Ready(order) = orders.poll_recv(cx) {
                        return std::task::Poll::Ready(Event::Ordered(order));
                    }
                    accept.as_mut().poll(cx).map(Event::Accepted)
                })
                .await
            };
            match event {
                Event::Ordered(None) => return Ok(()),
                Event::Ordered(Some(order)) => {
                    let result = self.carry_out(order.what).await;
                    // Nobody waits for the answer of a process that is ending.
                    let _ = order.done.send(result);
                }
                Event::Accepted(Ok((stream, peer))) => self.accepted(stream, peer),
                Event::Accepted(Err(error)) if is_of_the_connection(&error) => {}
                Event::Accepted(Err(error)) => return Err(error),
            }
        }
    }

    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr) {
        if self.fillers.remove(&peer) {
            return;
        }
        let open = Open::new(Arc::clone(&self.tally));
        let goaway = self.goaway.subscribe();
        let services = Services::new(
            &self.options.name,
            self.address,
            self.options.work,
            Arc::clone(&self.tally),
            goaway.clone(),
        );
        self.connections.spawn(async move {
            serve(stream, services, goaway).await;
            drop(open);
        });
    }

    async fn carry_out(&mut self, what: What) -> Result<(), String> {
        match (what, std::mem::replace(&mut self.state, State::Closed)) {
            (What::Silence, State::Open(listener)) => {
                // First the silence, then the end of the connections: who comes back finds it.
                let backlog = FullBacklog::fill(self.address).await;
                match backlog {
                    Ok(backlog) => self.state = State::Silent(listener, backlog),
                    Err(error) => {
                        self.state = State::Open(listener);
                        return Err(format!("cannot fill the backlog: {error}"));
                    }
                }
                self.close_connections().await
            }
            (What::Open, State::Silent(listener, backlog)) => {
                self.fillers = backlog.into_sources();
                self.state = State::Open(listener);
                Ok(())
            }
            (What::Drain, _) => self.close_connections().await,
            (_, state) => {
                self.state = state;
                Ok(())
            }
        }
    }

    /// GOAWAY to all, and waits until what is in flight is finished.
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

enum Event {
    Ordered(Option<Order>),
    Accepted(io::Result<(TcpStream, SocketAddr)>),
}

async fn accept(state: &State) -> io::Result<(TcpStream, SocketAddr)> {
    match state {
        State::Open(listener) => listener.accept().await,
        State::Silent(..) | State::Closed => std::future::pending().await,
    }
}

/// Whether the error is that of a connection that is gone, not of the listener.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Serves one connection until it ends, gracefully once `goaway` changes.
async fn serve(stream: TcpStream, services: Services, mut goaway: watch::Receiver<u64>) {
    // Without it, small frames would wait for the client's ACK; a failure costs only time.
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
        // How a connection ends is the client's business too; that it ended is counted.
        let _ = connection.await;
    }
}

/// A connection that was accepted; counts its end however it comes.
#[derive(Debug)]
struct Open(Arc<Tally>);

impl Open {
    fn new(tally: Arc<Tally>) -> Self {
        tally.accepted();
        Self(tally)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed();
    }
}
