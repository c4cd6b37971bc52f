//! Sockets and timers over async-io, whose reactor async-std and smol share.

mod shell;
mod stream;
mod timer;
mod udp;

pub(crate) use shell::impl_runtime;
pub(crate) use timer::ReactorTimer;
pub(crate) use udp::ReactorUdp;

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use async_io::Async;
use socket2::SockRef;

use crate::{BoxFuture, PeerAddr, Stream, TcpOptions, socket};
use stream::ReactorStream;

/// The monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where `Runtime::now` comes from"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn connect_tcp(
    peer: SocketAddr,
    options: &TcpOptions,
) -> BoxFuture<io::Result<Box<dyn Stream>>> {
    let options = options.clone();
    Box::pin(async move {
        let started = socket::start_tcp(peer, &options)?;
        // `new` would set the socket to non-blocking once more.
        let stream = Async::new_nonblocking(started.socket)?;
        if !started.done {
            stream.writable().await?;
        }
        socket::tcp_done(&SockRef::from(stream.get_ref()), peer, &options)?;
        Ok(ReactorStream::boxed(stream, PeerAddr::Ip(peer)))
    })
}

#[cfg(unix)]
pub(crate) fn connect_unix(peer: &crate::UnixAddr) -> BoxFuture<io::Result<Box<dyn Stream>>> {
    let peer = peer.clone();
    Box::pin(async move {
        let started = socket::start_unix(&peer)?;
        let stream = Async::new_nonblocking(started.socket)?;
        if !started.done {
            stream.writable().await?;
        }
        socket::unix_done(&SockRef::from(stream.get_ref()))?;
        Ok(ReactorStream::boxed(stream, PeerAddr::Unix(peer)))
    })
}
