//! Runtimes and streams that behave in ways that their contracts allow, but that the usual ones
//! show rarely.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::io::{AsyncRead, AsyncWrite};
use trunkline_connector::{Connected, Connector};
use trunkline_endpoint::Address;
use trunkline_lb::ConnectivityState;
use trunkline_runtime::{BoxFuture, PeerAddr, Stream};
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::raw::settings;
use crate::spawning::runtime_with_spawn;
use crate::world::{address, builder, unary};

/// Calls on a runtime that drops its tasks fail with INTERNAL and name the cause, instead of
/// waiting without end.
#[test]
fn calls_on_a_runtime_that_is_shut_down_fail() {
    let sim = Sim::new(1);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .runtime(runtime_with_spawn(&sim, |_, task| drop(task)))
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
    let runtime = runtime_with_spawn(&sim, |inner, mut task| {
        // As when a second thread polls the task before `spawn` returns.
        let mut cx = Context::from_waker(Waker::noop());
        if task.as_mut().poll(&mut cx).is_pending() {
            inner.spawn(task);
        }
    });
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .runtime(runtime)
        .connector(EndingConnector)
        .build()
        .expect("a channel");
    sim.run(async {
        channel.connect().expect("a runtime");
        sim.sleep(Duration::from_secs(1)).await;
    });
    assert_ne!(channel.state(), ConnectivityState::Ready);
}
