//! Connects sockets that async-io watches.

use std::io;
use std::net::SocketAddr;

use async_io::Async;
use socket2::SockRef;

use super::stream::ReactorStream;
use crate::{BoxFuture, PeerAddr, Stream, TcpOptions, socket};

pub(crate) fn connect_tcp(
    peer: SocketAddr,
    options: &TcpOptions,
) -> BoxFuture<io::Result<Box<dyn Stream>>> {
    let options = options.clone();
    Box::pin(async move {
        let started = socket::start_tcp(peer, &options)?;
        // The socket is non-blocking already; `Async::new` would set that again.
        let stream = Async::new_nonblocking(started.socket)?;
        if !started.is_connected {
            stream.writable().await?;
        }
        socket::finish_tcp(&SockRef::from(stream.get_ref()), peer, &options)?;
        Ok(ReactorStream::boxed(stream, PeerAddr::Ip(peer)))
    })
}

#[cfg(unix)]
pub(crate) fn connect_unix(peer: &crate::UnixAddr) -> BoxFuture<io::Result<Box<dyn Stream>>> {
    let peer = peer.clone();
    Box::pin(async move {
        let started = socket::start_unix(&peer)?;
        let stream = Async::new_nonblocking(started.socket)?;
        if !started.is_connected {
            stream.writable().await?;
        }
        socket::finish_unix(&SockRef::from(stream.get_ref()))?;
        Ok(ReactorStream::boxed(stream, PeerAddr::Unix(peer)))
    })
}
