//! Timers of the kernel that tokio watches.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::Handle;

use super::handle;
use super::timer::TokioTimer;
use crate::Timer;
use crate::far_timer::{FarTimer, WatchedFd};

/// Returns a timer for deadlines that are far away.
pub(super) fn far_timer(attached: Option<Handle>) -> Box<dyn Timer> {
    let near = Box::new(TokioTimer::new(attached.clone()));
    if is_paused() {
        return near;
    }
    let now = || ::tokio::time::Instant::now().into_std();
    Box::new(FarTimer::<AsyncFd<OwnedFd>>::new(attached, now, near))
}

/// Returns whether tokio's clock is not the system's, which a test can choose.
fn is_paused() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "what tokio's clock is compared with"
    )]
    let system = Instant::now();
    ::tokio::time::Instant::now().into_std() < system
}

impl WatchedFd for AsyncFd<OwnedFd> {
    type Reactor = Option<Handle>;

    fn watch(fd: OwnedFd, attached: &Option<Handle>) -> io::Result<Self> {
        let handle = attached.clone().map_or_else(handle::current, Ok)?;
        let _in_tokio = handle.enter();
        #[allow(
            deprecated,
            reason = "unsound only for a type that does not own its descriptor; what replaces it is unsafe"
        )]
        Self::with_interest(fd, Interest::READABLE)
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_read_ready(cx))?.clear_ready();
        Poll::Ready(Ok(()))
    }
}
