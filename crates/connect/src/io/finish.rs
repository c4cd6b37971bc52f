//! The part of an attempt after the connection is established: a handshake or none, and how the
//! stream of a loser is closed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::{BoxFuture, PeerAddr, Stream};

/// The rest of an attempt after its connection is established.
pub(super) trait Finish {
    type Output;

    /// Starts the rest of an attempt.
    fn begin(&mut self, stream: Box<dyn Stream>) -> Completion<Self::Output>;

    /// Drops the output of an attempt that has lost.
    fn discard(output: Self::Output);
}

/// The rest of an attempt that was started.
pub(super) enum Completion<T> {
    /// Nothing is left to do.
    Done(T),
    /// A handshake runs.
    Running(BoxFuture<io::Result<T>>, AbortOnLoss),
}

/// An attempt without a handshake: it is complete when its connection is established.
pub(super) struct NoHandshake;

impl Finish for NoHandshake {
    type Output = Box<dyn Stream>;

    fn begin(&mut self, stream: Box<dyn Stream>) -> Completion<Self::Output> {
        Completion::Done(stream)
    }

    fn discard(output: Self::Output) {
        output.abort();
    }
}

/// An attempt with a handshake, which is part of the race.
pub(super) struct WithHandshake<H>(pub(super) H);

impl<H, F, T> Finish for WithHandshake<H>
where
    H: FnMut(Box<dyn Stream>) -> F,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    type Output = T;

    fn begin(&mut self, stream: Box<dyn Stream>) -> Completion<T> {
        let lost = Arc::new(AtomicBool::new(false));
        let racing = RacingStream {
            peer: stream.peer_addr(),
            stream: Some(stream),
            lost: Arc::clone(&lost),
        };
        let handshake = (self.0)(Box::new(racing));
        Completion::Running(Box::pin(handshake), AbortOnLoss(Some(lost)))
    }

    /// Drops the stream, which is part of the output. It aborts, because the attempt's
    /// [`AbortOnLoss`] was dropped before.
    fn discard(output: T) {
        drop(output);
    }
}

/// Makes the stream of an attempt abort instead of close, unless [`won`](Self::won) is called
/// before this is dropped.
#[derive(Default)]
pub(super) struct AbortOnLoss(Option<Arc<AtomicBool>>);

impl AbortOnLoss {
    /// Lets the stream close in the ordinary way.
    pub(super) fn won(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnLoss {
    fn drop(&mut self) {
        if let Some(lost) = &self.0 {
            lost.store(true, Ordering::Relaxed);
        }
    }
}

/// The stream of an attempt whose handshake holds it, and which may still lose. The stream of a
/// loser is reset when it is dropped, so that it leaves no TIME_WAIT.
#[derive(Debug)]
struct RacingStream {
    peer: PeerAddr,
    /// `None` only while this is dropped.
    stream: Option<Box<dyn Stream>>,
    lost: Arc<AtomicBool>,
}

impl RacingStream {
    fn inner(self: Pin<&mut Self>) -> io::Result<Pin<&mut Box<dyn Stream>>> {
        let stream = self.get_mut().stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for RacingStream {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take()
            && self.lost.load(Ordering::Relaxed)
        {
            stream.abort();
        }
    }
}

impl Stream for RacingStream {
    fn peer_addr(&self) -> PeerAddr {
        self.peer.clone()
    }

    fn local_addr(&self) -> Option<PeerAddr> {
        self.stream.as_ref()?.local_addr()
    }

    fn abort(mut self: Box<Self>) {
        if let Some(stream) = self.stream.take() {
            stream.abort();
        }
    }
}

impl AsyncRead for RacingStream {
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

impl AsyncWrite for RacingStream {
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
