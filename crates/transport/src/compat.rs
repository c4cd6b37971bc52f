//! The wire, with the traits that h2 needs.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, ready};

use async_compat::{Compat, CompatExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use trunkline_runtime::Lock;

use crate::wire::Wire;

/// A [`Wire`] that h2 and the driver share. The driver polls h2 and uses the wire between the polls,
/// on one thread, so neither ever waits for the lock.
#[derive(Clone, Debug)]
pub(crate) struct SharedWire(Arc<GatheredWire>);

#[derive(Debug)]
struct GatheredWire {
    wire: Lock<Wire>,
    /// True when h2's flushes are ignored.
    gathers: AtomicBool,
}

impl SharedWire {
    pub(crate) fn new(wire: Wire) -> Self {
        Self(Arc::new(GatheredWire {
            wire: Lock::new(wire),
            gathers: AtomicBool::new(false),
        }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Wire> {
        self.0.wire.lock()
    }

    /// Ignores h2's flushes from now on: [`Wire::drain`] is called after each poll of the connection.
    ///
    /// h2 flushes after each DATA frame that is not small, which would cost a system call for each
    /// message. This way, all that one poll of the connection writes is written together.
    pub(crate) fn gather(&self) {
        self.0.gathers.store(true, Relaxed);
        self.lock().publish();
    }
}

impl futures_io::AsyncWrite for SharedWire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // An error of a gathered write is in the next read.
        if self.0.gathers.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.lock()).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_close(cx)
    }
}

/// A [`SharedWire`] with the traits of tokio that h2 needs, from async-compat.
///
/// A `Compat` that is dropped outside of tokio starts a tokio thread, on which it drops what it
/// holds. A wire does not need that, so it is taken out of the `Compat` first.
pub(crate) struct CompatWire(Option<Compat<SharedWire>>);

impl CompatWire {
    pub(crate) fn new(wire: SharedWire) -> Self {
        Self(Some(wire.compat()))
    }

    fn inner(&mut self) -> io::Result<Pin<&mut Compat<SharedWire>>> {
        self.0
            .as_mut()
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for CompatWire {
    fn drop(&mut self) {
        drop(self.0.take().map(Compat::into_inner));
    }
}

/// Without the help of async-compat, which fills all of h2's buffer with zeros before each read: a fifth
/// of the instructions of a call that is alone on its connection.
impl AsyncRead for CompatWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = self.inner()?.get_mut();
        let mut wire = inner.get_ref().lock();
        let bytes = ready!(wire.poll_take(cx, buffer.remaining()))?;
        buffer.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CompatWire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_shutdown(cx)
    }
}
