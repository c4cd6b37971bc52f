//! The runtime of tokio.

mod drivers;
#[cfg(target_os = "linux")]
mod far_timer;
mod handle;
mod stream;
mod timer;
mod udp;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Instant;

use ::tokio::net::TcpStream;
use ::tokio::runtime::Handle;
use socket2::SockRef;

use crate::{
    BoxFuture, PeerAddr, Runtime, RuntimeId, Stream, TcpOptions, Timer, UdpOptions, UdpSocket,
    socket,
};
use drivers::MissingDriver;
use stream::TokioStream;
use timer::TokioTimer;
use udp::TokioUdp;

/// tokio.
///
/// It needs the handle of a tokio runtime whose I/O and time drivers are on
/// (`Builder::enable_all`). It takes the handle of the current runtime at the first
/// [`attach`](Runtime::attach), unless it was made [with a handle](Self::with_handle). The first use
/// also checks the drivers: where one is off, it and all later ones are errors that name the
/// builder's method. tokio prints a message of its own in addition.
///
/// # Panics
///
/// [`spawn`](Runtime::spawn), and a timer when it is polled, panic where `attach` fails: outside of
/// tokio, or where a driver is off.
#[derive(Default)]
pub struct Tokio {
    handle: OnceLock<Handle>,
    /// The driver of `handle` that is off, once that was checked.
    missing: OnceLock<Option<MissingDriver>>,
}

impl Tokio {
    /// Returns a runtime that takes the handle of the tokio runtime that is current at its first
    /// use.
    pub const fn new() -> Self {
        Self {
            handle: OnceLock::new(),
            missing: OnceLock::new(),
        }
    }

    /// Returns a runtime over the one of `handle`; it can be used on any thread.
    pub fn with_handle(handle: Handle) -> Self {
        Self {
            handle: OnceLock::from(handle),
            missing: OnceLock::new(),
        }
    }

    /// Returns true where the caller runs on a tokio runtime.
    #[cfg(any(feature = "async-std", feature = "smol"))]
    pub(crate) fn is_current() -> bool {
        handle::current().is_ok()
    }

    fn handle(&self) -> io::Result<&Handle> {
        let handle = match self.handle.get() {
            Some(handle) => handle,
            None => {
                let current = handle::current()?;
                self.handle.get_or_init(|| current)
            }
        };
        match self.missing.get_or_init(|| drivers::missing(handle)) {
            None => Ok(handle),
            Some(driver) => Err(driver.error()),
        }
    }

    /// Returns the future of `connect`. Where there is no handle, the future returns that error
    /// when it is polled.
    fn connect<F>(&self, connect: impl FnOnce(Handle) -> F + Send + 'static) -> Connecting
    where
        F: Future<Output = io::Result<Box<dyn Stream>>> + Send,
    {
        let handle = self.handle().cloned();
        Box::pin(async move { connect(handle?).await })
    }
}

impl fmt::Debug for Tokio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokio")
            .field("attached", &self.handle.get().is_some())
            .finish()
    }
}

type Connecting = BoxFuture<io::Result<Box<dyn Stream>>>;

impl Runtime for Tokio {
    fn attach(&self) -> io::Result<()> {
        self.handle().map(|_| ())
    }

    /// Returns the identity of the tokio runtime; `None` before the first `attach`.
    fn identity(&self) -> Option<RuntimeId> {
        let handle = self.handle.get()?;
        Some(RuntimeId::of::<Self>().with_instance(handle.id()))
    }

    /// Returns the time of tokio's clock, which its feature `test-util` can pause.
    fn now(&self) -> Instant {
        ::tokio::time::Instant::now().into_std()
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(TokioTimer::new(self.handle().ok().cloned()))
    }

    #[cfg(target_os = "linux")]
    fn far_timer(&self) -> Box<dyn Timer> {
        far_timer::far_timer(self.handle().ok().cloned())
    }

    fn spawn(&self, task: BoxFuture<()>) {
        match self.handle() {
            Ok(handle) => drop(handle.spawn(task)),
            Err(error) => panic!("{error}"),
        }
    }

    fn fill_entropy(&self, bytes: &mut [u8]) {
        socket::fill_entropy(bytes);
    }

    fn connect_tcp(&self, peer: SocketAddr, options: &TcpOptions) -> Connecting {
        let options = options.clone();
        self.connect(move |handle| async move {
            let started = socket::start_tcp(peer, &options)?;
            let stream = {
                let _in_tokio = handle.enter();
                TcpStream::from_std(started.socket)?
            };
            if !started.is_connected {
                stream.writable().await?;
            }
            let local = socket::finish_tcp(&SockRef::from(&stream), peer, &options)?;
            let local = local.map(PeerAddr::Ip);
            Ok(TokioStream::boxed(stream, PeerAddr::Ip(peer), local))
        })
    }

    #[cfg(unix)]
    fn connect_unix(&self, peer: &crate::UnixAddr) -> Connecting {
        let peer = peer.clone();
        self.connect(move |handle| async move {
            let started = socket::start_unix(&peer)?;
            let stream = {
                let _in_tokio = handle.enter();
                ::tokio::net::UnixStream::from_std(started.socket)?
            };
            if !started.is_connected {
                stream.writable().await?;
            }
            socket::finish_unix(&SockRef::from(&stream))?;
            Ok(TokioStream::boxed(stream, PeerAddr::Unix(peer), None))
        })
    }

    fn connect_udp(
        &self,
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        let _in_tokio = self.handle()?.enter();
        TokioUdp::connect(peer, options)
    }

    fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr> {
        socket::source_address(destination)
    }

    fn interface_index(&self, name: &str) -> io::Result<u32> {
        socket::interface_index(name)
    }

    fn lookup_host(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let handle = self.handle().cloned();
        let host = host.to_owned();
        Box::pin(async move {
            let lookup = handle?.spawn_blocking(move || socket::lookup(&host, port));
            lookup.await.map_err(io::Error::other)?
        })
    }
}
