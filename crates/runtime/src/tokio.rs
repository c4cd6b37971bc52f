//! tokio.

mod stream;
mod timer;
mod udp;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Instant;

use ::tokio::net::TcpStream;
use ::tokio::runtime::Handle;
use socket2::SockRef;

use crate::{
    BoxFuture, PeerAddr, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket, socket,
};
use stream::TokioStream;
use timer::TokioTimer;
use udp::TokioUdp;

/// tokio.
///
/// It needs the handle of a tokio runtime whose I/O and time drivers are on
/// (`Builder::enable_all`), and takes it at the first [`attach`](Runtime::attach), or is
/// [given](Self::with_handle) it.
///
/// # Panics
///
/// [`spawn`](Runtime::spawn), and a timer when it is polled, panic where there is no handle: that
/// is before the first successful `attach`, outside of tokio. tokio itself panics where a driver
/// is off.
#[derive(Debug, Default)]
pub struct Tokio {
    handle: OnceLock<Handle>,
}

impl Tokio {
    /// The runtime that is current when this value is first used.
    pub const fn new() -> Self {
        Self {
            handle: OnceLock::new(),
        }
    }

    /// The runtime behind `handle`, whatever thread this value is used on.
    pub fn with_handle(handle: Handle) -> Self {
        Self {
            handle: OnceLock::from(handle),
        }
    }

    fn handle(&self) -> io::Result<&Handle> {
        if let Some(handle) = self.handle.get() {
            return Ok(handle);
        }
        let current = Handle::try_current().map_err(|_| io::Error::other(NO_HANDLE))?;
        Ok(self.handle.get_or_init(|| current))
    }

    /// A future that asks for the handle when it is first polled.
    fn connect<F>(&self, connect: impl FnOnce(Handle) -> F + Send + 'static) -> Connecting
    where
        F: Future<Output = io::Result<Box<dyn Stream>>> + Send,
    {
        let handle = self.handle().cloned();
        Box::pin(async move { connect(handle?).await })
    }
}

type Connecting = BoxFuture<io::Result<Box<dyn Stream>>>;

/// What to do where there is no tokio.
const NO_HANDLE: &str = "no tokio runtime here: make the first call from within one \
    (`#[tokio::main]`, `Runtime::block_on`), give its handle to `Tokio::with_handle`, or choose \
    another runtime";

impl Runtime for Tokio {
    fn attach(&self) -> io::Result<()> {
        self.handle().map(|_| ())
    }

    /// The clock of tokio, which its `test-util` can pause.
    fn now(&self) -> Instant {
        ::tokio::time::Instant::now().into_std()
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(TokioTimer::new(self.handle().ok().cloned()))
    }

    fn spawn(&self, task: BoxFuture<()>) {
        match self.handle() {
            Ok(handle) => drop(handle.spawn(task)),
            Err(error) => panic!("{error}"),
        }
    }

    fn fill_entropy(&self, bytes: &mut [u8]) {
        socket::entropy(bytes);
    }

    fn connect_tcp(&self, peer: SocketAddr, options: &TcpOptions) -> Connecting {
        let options = options.clone();
        self.connect(move |handle| async move {
            let started = socket::start_tcp(peer, &options)?;
            let stream = {
                let _in_tokio = handle.enter();
                TcpStream::from_std(started.socket)?
            };
            if !started.done {
                stream.writable().await?;
            }
            socket::tcp_done(&SockRef::from(&stream), peer, &options)?;
            Ok(TokioStream::boxed(stream, PeerAddr::Ip(peer)))
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
            if !started.done {
                stream.writable().await?;
            }
            socket::unix_done(&SockRef::from(&stream))?;
            Ok(TokioStream::boxed(stream, PeerAddr::Unix(peer)))
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

    fn lookup_host(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let handle = self.handle().cloned();
        let host = host.to_owned();
        Box::pin(async move {
            let lookup = handle?.spawn_blocking(move || socket::lookup(&host, port));
            lookup.await.map_err(io::Error::other)?
        })
    }
}
