//! What comes after the connection, and what becomes of a stream that is not wanted.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::{BoxFuture, PeerAddr, Stream};

/// The rest of an attempt once it is connected.
pub(super) trait Finish {
    type Output;

    fn begin(&mut self, stream: Box<dyn Stream>) -> Begun<Self::Output>;

    /// Does away with the output of an attempt that has lost.
    fn discard(output: Self::Output);
}

pub(super) enum Begun<T> {
    Done(T),
    Running(BoxFuture<io::Result<T>>, Contest),
}

/// Connected is all that is wanted.
pub(super) struct Plain;

impl Finish for Plain {
    type Output = Box<dyn Stream>;

    fn begin(&mut self, stream: Box<dyn Stream>) -> Begun<Self::Output> {
        Begun::Done(stream)
    }

    fn discard(output: Self::Output) {
        output.abort();
    }
}

/// A handshake that is part of the race.
pub(super) struct Handshake<H>(pub(super) H);

impl<H, F, T> Finish for Handshake<H>
where
    H: FnMut(Box<dyn Stream>) -> F,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    type Output = T;

    fn begin(&mut self, stream: Box<dyn Stream>) -> Begun<T> {
        let lost = Arc::new(AtomicBool::new(false));
        let contender = Contender {
            peer: stream.peer_addr(),
            stream: Some(stream),
            lost: Arc::clone(&lost),
        };
        let handshake = (self.0)(Box::new(contender));
        Begun::Running(Box::pin(handshake), Contest(Some(lost)))
    }

    /// What holds the stream drops it, and the stream knows that it has lost.
    fn discard(output: T) {
        drop(output);
    }
}

/// Dropped without [`won`](Self::won), it makes the stream abort instead of close.
#[derive(Default)]
pub(super) struct Contest(Option<Arc<AtomicBool>>);

impl Contest {
    pub(super) fn won(mut self) {
        self.0 = None;
    }
}

impl Drop for Contest {
    fn drop(&mut self) {
        if let Some(lost) = &self.0 {
            lost.store(true, Ordering::Relaxed);
        }
    }
}

/// The stream of an attempt that may lose while others hold it: a loser is reset, not left to
/// linger.
#[derive(Debug)]
struct Contender {
    peer: PeerAddr,
    /// `None` only while it is dropped.
    stream: Option<Box<dyn Stream>>,
    lost: Arc<AtomicBool>,
}

impl Contender {
    fn inner(self: Pin<&mut Self>) -> io::Result<Pin<&mut Box<dyn Stream>>> {
        let stream = self.get_mut().stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take()
            && self.lost.load(Ordering::Relaxed)
        {
            stream.abort();
        }
    }
}

impl Stream for Contender {
    fn peer_addr(&self) -> PeerAddr {
        self.peer.clone()
    }

    fn abort(mut self: Box<Self>) {
        if let Some(stream) = self.stream.take() {
            stream.abort();
        }
    }
}

impl AsyncRead for Contender {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_read(cx, buffer)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_read_vectored(cx, buffers)
    }
}

impl AsyncWrite for Contender {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_close(cx)
    }
}
