//! Runtimes and streams that behave in ways that their contracts allow, but that the usual ones show
//! rarely.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::io::{AsyncRead, AsyncWrite};
use trunkline_channel::{Channel, ChannelBuilder};
use trunkline_connector::{Connected, Connector};
use trunkline_endpoint::Address;
use trunkline_lb::ConnectivityState;
use trunkline_runtime::{
    BoxFuture, PeerAddr, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket,
};
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::raw::settings;
use crate::world::{address, unary};

/// What a runtime does with a task that it receives.
#[derive(Clone, Copy, Debug)]
enum SpawnBehavior {
    /// Polls the task before `spawn` returns, as a fast second thread would.
    Eager,
    /// Drops the task, as a runtime does that is shutting down.
    Dropped,
}

/// The runtime of a simulation with another `spawn`.
#[derive(Debug)]
struct OddRuntime {
    inner: Arc<dyn Runtime>,
    spawning: SpawnBehavior,
}

impl Runtime for OddRuntime {
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn timer(&self) -> Box<dyn Timer> {
        self.inner.timer()
    }

    fn spawn(&self, mut task: BoxFuture<()>) {
        match self.spawning {
            SpawnBehavior::Dropped => drop(task),
            SpawnBehavior::Eager => {
                let mut cx = Context::from_waker(Waker::noop());
                if task.as_mut().poll(&mut cx).is_pending() {
                    self.inner.spawn(task);
                }
            }
        }
    }

    fn fill_entropy(&self, bytes: &mut [u8]) {
        self.inner.fill_entropy(bytes);
    }

    fn connect_tcp(
        &self,
        peer: SocketAddr,
        options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        self.inner.connect_tcp(peer, options)
    }

    fn connect_udp(
        &self,
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        self.inner.connect_udp(peer, options)
    }

    fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr> {
        self.inner.source_address(destination)
    }
}

/// Returns the builder of a channel to host 1 on an [`OddRuntime`].
fn builder(sim: &Sim, spawning: SpawnBehavior) -> ChannelBuilder {
    let inner = sim.runtime();
    Channel::builder(format!("ipv4:{}", address(1)))
        .plaintext()
        .runtime(Arc::new(OddRuntime { inner, spawning }))
}

/// Calls on a runtime that drops its tasks fail with INTERNAL and name the cause, instead of waiting
/// without end.
#[test]
fn calls_on_a_runtime_that_is_shut_down_fail() {
    let sim = Sim::new(1);
    let channel = builder(&sim, SpawnBehavior::Dropped)
        .build()
        .expect("a channel");
    sim.run(unary(&channel, b"hello")).expect(
        Code::Internal,
        &["control task ended early", "runtime was shut down"],
    );
    assert_eq!(channel.state(), ConnectivityState::Shutdown);
}

/// A stream that returns one scripted result for each read, then ends.
#[derive(Debug)]
struct EndingStream(VecDeque<Poll<Vec<u8>>>);

impl AsyncRead for EndingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.0.pop_front() {
            None => Poll::Ready(Ok(0)),
            Some(Poll::Ready(bytes)) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            Some(Poll::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for EndingStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for EndingStream {
    fn peer_addr(&self) -> PeerAddr {
        PeerAddr::Ip(address(1))
    }

    fn abort(self: Box<Self>) {}
}

/// Makes streams that return SETTINGS, are pending once, and then end.
#[derive(Debug)]
struct EndingConnector;

impl Connector for EndingConnector {
    fn connect(&self, _: &Address) -> BoxFuture<io::Result<Connected>> {
        let script = VecDeque::from([Poll::Ready(settings()), Poll::Pending]);
        Box::pin(async { Ok(Connected::plaintext(Box::new(EndingStream(script)))) })
    }
}

/// A channel does not stay READY when its connection is lost at the first poll of the connection's
/// task: the loss is reported after the connection, not before.
#[test]
fn a_loss_is_reported_after_its_connection() {
    let sim = Sim::new(1);
    let channel = builder(&sim, SpawnBehavior::Eager)
        .connector(EndingConnector)
        .build()
        .expect("a channel");
    sim.run(async {
        channel.connect().expect("a runtime");
        sim.sleep(Duration::from_secs(1)).await;
    });
    assert_ne!(channel.state(), ConnectivityState::Ready);
}
