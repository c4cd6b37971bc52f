//! Byte streams over async-io.

use std::fmt::Debug;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use crate::{PeerAddr, Stream, socket};

/// A connected socket that async-io watches.
#[derive(Debug)]
pub(super) struct ReactorStream<S> {
    socket: Async<S>,
    peer: PeerAddr,
    /// False after a read that took all there was. The next read then waits for the reactor first:
    /// async-io's own reads try the socket twice before they wait, and each try is a system call.
    may_have_data: bool,
}

/// What a stream needs from its socket beyond reading and writing.
pub(super) trait RawStream: Debug + Send + Sync + 'static {
    fn shut_down_write(&self) -> io::Result<()>;
    fn reset_on_close(&self);

    /// Returns the address of this side, if it has one.
    fn local_ip(&self) -> Option<SocketAddr>;
}

impl RawStream for TcpStream {
    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_close(&self) {
        // This fails only on a socket that is closed or reset already.
        let _ = socket::reset_on_close(&SockRef::from(self));
    }

    fn local_ip(&self) -> Option<SocketAddr> {
        self.local_addr().ok()
    }
}

#[cfg(unix)]
impl RawStream for UnixStream {
    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_close(&self) {}

    fn local_ip(&self) -> Option<SocketAddr> {
        None
    }
}

impl<S> ReactorStream<S>
where
    S: RawStream,
    Async<S>: AsyncWrite,
    for<'a> &'a S: Read,
{
    pub(super) fn boxed(socket: Async<S>, peer: PeerAddr) -> Box<dyn Stream> {
        Box::new(Self {
            socket,
            peer,
            may_have_data: true,
        })
    }
}

impl<S> ReactorStream<S>
where
    S: RawStream,
{
    /// Waits until the socket may have data, then reads up to `len` bytes with `read`.
    fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        len: usize,
        mut read: impl FnMut(&S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if !self.may_have_data {
                ready!(self.socket.poll_readable(cx))?;
                self.may_have_data = true;
            }
            match read(self.socket.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.may_have_data = false;
                }
                Ok(n) => {
                    // Data that came meanwhile, or the end, is found by the reactor.
                    self.may_have_data = n == 0 || n >= len;
                    return Poll::Ready(Ok(n));
                }
                failed => return Poll::Ready(failed),
            }
        }
    }
}

impl<S> Stream for ReactorStream<S>
where
    S: RawStream,
    Async<S>: AsyncWrite,
    for<'a> &'a S: Read,
{
    fn peer_addr(&self) -> PeerAddr {
        self.peer.clone()
    }

    fn local_addr(&self) -> Option<PeerAddr> {
        self.socket.get_ref().local_ip().map(PeerAddr::Ip)
    }

    fn abort(self: Box<Self>) {
        self.socket.get_ref().reset_on_close();
    }
}

impl<S> AsyncRead for ReactorStream<S>
where
    S: RawStream,
    for<'a> &'a S: Read,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, buffer.len(), |mut socket| socket.read(buffer))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = buffers.iter().map(|buffer| buffer.len()).sum();
        self.poll_read_with(cx, len, |mut socket| socket.read_vectored(buffers))
    }
}

impl<S> AsyncWrite for ReactorStream<S>
where
    S: RawStream,
    Async<S>: AsyncWrite,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, parts)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Sends FIN, which async-io's own `poll_close` does not.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.socket.get_ref().shut_down_write() {
            // The peer has reset the connection, so it is closed.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener};
    use std::task::Waker;

    use super::*;

    /// After a read that did not fill the buffer, the socket is not tried again before the reactor
    /// reports that there is more. Both more data and the end are reported.
    #[test]
    fn an_empty_socket_is_not_read() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let socket = TcpStream::connect(address).expect("a connection");
        let (mut peer, _) = listener.accept().expect("a connection");
        let mut ours = ReactorStream {
            socket: Async::new(socket).expect("a socket"),
            peer: PeerAddr::Ip(address),
            may_have_data: true,
        };
        let (mut tries, mut buffer) = (0, [0; 8]);
        let mut poll_read = |cx: &mut Context<'_>| {
            let read = |mut socket: &TcpStream| {
                tries += 1;
                socket.read(&mut buffer)
            };
            let polled = ours.poll_read_with(cx, 8, read);
            polled.map(|read| (read.expect("no failure"), tries))
        };
        for sent in 1..3 {
            peer.write_all(b"abc").expect("a peer that reads");
            let read = async_io::block_on(poll_fn(&mut poll_read));
            assert_eq!(read, (3, sent));
            let mut cx = Context::from_waker(Waker::noop());
            assert_eq!(poll_read(&mut cx), Poll::Pending);
        }
        drop(peer);
        let read = async_io::block_on(poll_fn(&mut poll_read));
        assert_eq!(read, (0, 3));
    }
}
