//! A runtime with a `spawn` of the test's own.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

use trunkline_runtime::{
    BoxFuture, Lock, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket,
};
use trunkline_sim::Sim;

type Spawn = dyn Fn(&dyn Runtime, BoxFuture<()>) + Send + Sync;

/// The runtime of a simulation, but with another `spawn`.
struct SpawningRuntime {
    inner: Arc<dyn Runtime>,
    spawn: Box<Spawn>,
}

/// Returns the runtime of a simulation that hands each spawned task to `spawn`, together with the
/// simulation's own runtime.
pub(crate) fn runtime_with_spawn(
    sim: &Sim,
    spawn: impl Fn(&dyn Runtime, BoxFuture<()>) + Send + Sync + 'static,
) -> Arc<dyn Runtime> {
    Arc::new(SpawningRuntime {
        inner: sim.runtime(),
        spawn: Box::new(spawn),
    })
}

impl Runtime for SpawningRuntime {
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn timer(&self) -> Box<dyn Timer> {
        self.inner.timer()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        (self.spawn)(&*self.inner, task);
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

    fn variable(&self, name: &str) -> Option<String> {
        self.inner.variable(name)
    }
}

impl fmt::Debug for SpawningRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawningRuntime").finish_non_exhaustive()
    }
}

/// Holds up a task while it is closed, as a thread that is busy does. A new gate is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Lock<GateState>>);

#[derive(Debug, Default)]
struct GateState {
    is_closed: bool,
    waker: Option<Waker>,
}

impl Gate {
    /// Keeps the task from being polled until the gate is opened.
    pub(crate) fn close(&self) {
        self.0.lock().is_closed = true;
    }

    /// Lets the task be polled again.
    pub(crate) fn open(&self) {
        let mut state = self.0.lock();
        state.is_closed = false;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Runs a task behind the gate.
    pub(crate) async fn hold(self, mut task: BoxFuture<()>) {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if state.is_closed {
                state.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            drop(state);
            task.as_mut().poll(cx)
        })
        .await;
    }
}
