//! Byte streams over a reactor.

use std::fmt::Debug;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::marker::PhantomData;
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use super::watch::Watch;
use crate::{PeerAddr, Stream, socket};

/// A connected socket that a reactor watches.
#[derive(Debug)]
pub(super) struct ReactorStream<S, W> {
    socket: W,
    peer: PeerAddr,
    /// The address of this side, if it has one.
    local: Option<PeerAddr>,
    /// False after a read that took all there was. The next read then waits for the reactor first:
    /// async-io's own reads try the socket twice before they wait, and each try is a system call.
    may_have_data: bool,
    /// The type of the socket in `socket`.
    kind: PhantomData<fn() -> S>,
}

/// What a stream needs from its socket.
pub(super) trait RawStream: Debug + Send + Sync + 'static {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn receive_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
    fn send_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    fn shut_down_write(&self) -> io::Result<()>;
    fn reset_on_close(&self);
}

/// Implements the reading and writing of a socket of the standard library.
macro_rules! impl_bytes {
    () => {
        fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
            Read::read(&mut &*self, buffer)
        }

        fn receive_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
            Read::read_vectored(&mut &*self, buffers)
        }

        fn send(&self, bytes: &[u8]) -> io::Result<usize> {
            Write::write(&mut &*self, bytes)
        }

        fn send_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
            Write::write_vectored(&mut &*self, parts)
        }
    };
}

impl RawStream for TcpStream {
    impl_bytes!();

    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_close(&self) {
        // This fails only on a socket that is closed or reset already.
        let _ = socket::reset_on_close(&SockRef::from(self));
    }
}

#[cfg(unix)]
impl RawStream for UnixStream {
    impl_bytes!();

    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_close(&self) {}
}

impl<S: RawStream, W: Watch<S>> ReactorStream<S, W> {
    pub(super) fn boxed(socket: W, peer: PeerAddr, local: Option<PeerAddr>) -> Box<dyn Stream> {
        Box::new(Self {
            socket,
            peer,
            local,
            may_have_data: true,
            kind: PhantomData,
        })
    }

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
            match read(self.socket.socket()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.may_have_data = false;
                }
                Ok(n) => {
                    // Data that comes later, or the end, is reported then.
                    self.may_have_data = n == 0 || n >= len || self.socket.has_ended();
                    return Poll::Ready(Ok(n));
                }
                failed => return Poll::Ready(failed),
            }
        }
    }

    /// Writes with `write`, and waits for room where there is none.
    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write(self.socket.socket()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_writable(cx))?;
                }
                written => return Poll::Ready(written),
            }
        }
    }
}

impl<S: RawStream, W: Watch<S>> Stream for ReactorStream<S, W> {
    fn peer_addr(&self) -> PeerAddr {
        self.peer.clone()
    }

    fn local_addr(&self) -> Option<PeerAddr> {
        self.local.clone()
    }

    fn abort(self: Box<Self>) {
        self.socket.socket().reset_on_close();
    }
}

impl<S: RawStream, W: Watch<S>> AsyncRead for ReactorStream<S, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, buffer.len(), |socket| socket.receive(buffer))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = buffers.iter().map(|buffer| buffer.len()).sum();
        self.poll_read_with(cx, len, |socket| socket.receive_vectored(buffers))
    }
}

impl<S: RawStream, W: Watch<S>> AsyncWrite for ReactorStream<S, W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.send(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.send_vectored(parts))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Sends FIN, which async-io's own `poll_close` does not.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.socket.socket().shut_down_write() {
            // The peer has reset the connection, so it is closed.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::task::Waker;

    use async_io::Async;

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
            local: None,
            may_have_data: true,
            kind: PhantomData,
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

    /// A socket over a reactor that reports edges. The tests report them.
    #[derive(Debug, Default)]
    struct Edges {
        is_readable: AtomicBool,
        has_ended: AtomicBool,
    }

    impl Edges {
        /// Reports data and the end of the data.
        fn report_end(&self) {
            self.has_ended.store(true, SeqCst);
            self.is_readable.store(true, SeqCst);
        }
    }

    impl Watch<Self> for Edges {
        fn watch(socket: Self) -> io::Result<Self> {
            Ok(socket)
        }

        fn socket(&self) -> &Self {
            self
        }

        fn poll_readable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.is_readable.swap(false, SeqCst) {
                return Poll::Ready(Ok(()));
            }
            Poll::Pending
        }

        fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn has_ended(&self) -> bool {
            self.has_ended.load(SeqCst)
        }
    }

    impl RawStream for Edges {
        fn receive(&self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn receive_vectored(&self, _: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn send(&self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn send_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(0)
        }

        fn shut_down_write(&self) -> io::Result<()> {
            Ok(())
        }

        fn reset_on_close(&self) {}
    }

    /// An end that is reported with the last data, and only once, is found also when the report comes
    /// after a read that found nothing, and before the wait for it.
    #[test]
    fn an_end_is_found_once_reported() {
        let mut ours = ReactorStream {
            socket: Edges::default(),
            peer: PeerAddr::Ip((Ipv4Addr::LOCALHOST, 1).into()),
            local: None,
            may_have_data: true,
            kind: PhantomData,
        };
        let mut outcomes = [Ok(0), Ok(3), Err(io::ErrorKind::WouldBlock)].map(Some);
        let mut left = 3;
        let mut poll_read = || {
            let cx = &mut Context::from_waker(Waker::noop());
            let read = |socket: &Edges| {
                left -= 1;
                let outcome = outcomes[left].take().expect("a read that is due");
                if outcome.is_err() {
                    socket.report_end();
                }
                outcome.map_err(io::Error::from)
            };
            let polled = ours.poll_read_with(cx, 8, read);
            polled.map(|read| read.expect("no failure"))
        };
        assert_eq!(poll_read(), Poll::Ready(3));
        assert_eq!(poll_read(), Poll::Ready(0));
    }
}
