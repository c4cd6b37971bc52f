//! A runtime that counts the tasks that it runs.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use trunkline::{BoxFuture, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket, UnixAddr};

/// How many tasks run.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks(Arc<AtomicUsize>);

impl Tasks {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A runtime over another one.
pub(super) struct Counted {
    inner: Arc<dyn Runtime>,
    tasks: Tasks,
}

impl Counted {
    pub(super) fn new(inner: Arc<dyn Runtime>, tasks: Tasks) -> Self {
        Self { inner, tasks }
    }

    /// Returns the task, which is counted from now on until it has ended.
    fn counted(&self, task: BoxFuture<()>) -> BoxFuture<()> {
        self.tasks.0.fetch_add(1, Ordering::Relaxed);
        let running = Running(self.tasks.clone());
        Box::pin(async move {
            task.await;
            drop(running);
        })
    }
}

/// Part of a task that runs.
struct Running(Tasks);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Runtime for Counted {
    fn attach(&self) -> io::Result<()> {
        self.inner.attach()
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn system_time(&self) -> SystemTime {
        self.inner.system_time()
    }

    fn timer(&self) -> Box<dyn Timer> {
        self.inner.timer()
    }

    fn far_timer(&self) -> Box<dyn Timer> {
        self.inner.far_timer()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.inner.spawn(self.counted(task));
    }

    fn spawn_driver(&self, task: BoxFuture<()>) {
        self.inner.spawn_driver(self.counted(task));
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

    fn connect_unix(&self, peer: &UnixAddr) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        self.inner.connect_unix(peer)
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

    fn interface_index(&self, name: &str) -> io::Result<u32> {
        self.inner.interface_index(name)
    }

    fn lookup_host(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        self.inner.lookup_host(host, port)
    }
}
