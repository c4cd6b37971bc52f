//! What a socket needs of a reactor.

use std::fmt::Debug;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use async_io::Async;

/// A socket of type `S` that a reactor watches.
///
/// One task at a time waits for each direction. A socket that is dropped is not watched any more.
pub(crate) trait Watch<S>: Debug + Send + Sync + Sized + Unpin + 'static {
    /// Has the reactor watch a socket, which must be non-blocking.
    fn watch(socket: S) -> io::Result<Self>;

    /// Returns the socket.
    fn socket(&self) -> &S;

    /// Waits until the socket is readable, again after each time that it was.
    ///
    /// Call it only after a read that did not fill its buffer, or that would block: what was readable
    /// before is not reported again.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Waits until the socket is writable, again after each time that it was. Call it only after a write
    /// that would block.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Returns true once the end of what the peer sends was reported, maybe together with data: it is not
    /// reported again. The default is for reactors that report it as often as they are asked.
    fn has_ended(&self) -> bool {
        false
    }
}

/// Waits until the socket is writable.
pub(super) async fn writable<S>(socket: &impl Watch<S>) -> io::Result<()> {
    poll_fn(|cx| socket.poll_writable(cx)).await
}

#[cfg(unix)]
impl<S> Watch<S> for Async<S>
where
    S: std::os::fd::AsFd + Debug + Send + Sync + Unpin + 'static,
{
    fn watch(socket: S) -> io::Result<Self> {
        Self::new_nonblocking(socket)
    }

    fn socket(&self) -> &S {
        self.get_ref()
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_readable(self, cx)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_writable(self, cx)
    }
}

#[cfg(windows)]
impl<S> Watch<S> for Async<S>
where
    S: std::os::windows::io::AsSocket + Debug + Send + Sync + Unpin + 'static,
{
    fn watch(socket: S) -> io::Result<Self> {
        Self::new_nonblocking(socket)
    }

    fn socket(&self) -> &S {
        self.get_ref()
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_readable(self, cx)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_writable(self, cx)
    }
}
