//! Connects sockets that a reactor watches.

use std::io;
use std::net::{SocketAddr, TcpStream};

use socket2::SockRef;

use super::stream::ReactorStream;
use super::watch::{Watch, writable};
use crate::{BoxFuture, PeerAddr, Stream, TcpOptions, socket};

pub(crate) fn connect_tcp<W: Watch<TcpStream>>(
    peer: SocketAddr,
    options: &TcpOptions,
) -> BoxFuture<io::Result<Box<dyn Stream>>> {
    let options = options.clone();
    Box::pin(async move {
        let started = socket::start_tcp(peer, &options)?;
        let stream = W::watch(started.socket)?;
        if !started.is_connected {
            writable(&stream).await?;
        }
        let local = socket::finish_tcp(&SockRef::from(stream.socket()), peer, &options)?;
        let local = local.map(PeerAddr::Ip);
        Ok(ReactorStream::boxed(stream, PeerAddr::Ip(peer), local))
    })
}

#[cfg(unix)]
pub(crate) fn connect_unix<W>(peer: &crate::UnixAddr) -> BoxFuture<io::Result<Box<dyn Stream>>>
where
    W: Watch<std::os::unix::net::UnixStream>,
{
    let peer = peer.clone();
    Box::pin(async move {
        let started = socket::start_unix(&peer)?;
        let stream = W::watch(started.socket)?;
        if !started.is_connected {
            writable(&stream).await?;
        }
        socket::finish_unix(&SockRef::from(stream.socket()))?;
        Ok(ReactorStream::boxed(stream, PeerAddr::Unix(peer), None))
    })
}
