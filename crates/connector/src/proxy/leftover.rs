//! A stream whose first bytes have been read already.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite, IoSlice};
use trunkline_runtime::{PeerAddr, Stream};

/// A stream, and the bytes that were read from it together with the answer of a proxy.
#[derive(Debug)]
pub(crate) struct Leftover {
    stream: Box<dyn Stream>,
    bytes: Vec<u8>,
    /// The number of bytes that were returned.
    read: usize,
}

impl Leftover {
    /// Returns `stream` with these bytes before all others.
    pub(crate) fn before(stream: Box<dyn Stream>, bytes: Vec<u8>) -> Box<dyn Stream> {
        if bytes.is_empty() {
            return stream;
        }
        Box::new(Self {
            stream,
            bytes,
            read: 0,
        })
    }
}

impl AsyncRead for Leftover {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let left = &this.bytes[this.read..];
        if left.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        let length = left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        this.read += length;
        if this.read == this.bytes.len() {
            (this.bytes, this.read) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for Leftover {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

impl Stream for Leftover {
    fn peer_addr(&self) -> PeerAddr {
        self.stream.peer_addr()
    }

    fn local_addr(&self) -> Option<PeerAddr> {
        self.stream.local_addr()
    }

    fn abort(self: Box<Self>) {
        self.stream.abort();
    }
}
