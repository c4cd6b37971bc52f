//! Timers of the kernel that async-io watches.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use async_io::Async;

use super::clock::now;
use crate::Timer;
use crate::far_timer::{FarTimer, WatchedFd};

/// Returns a timer for deadlines that are far away. `near` is a timer of the runtime.
pub(crate) fn far_timer(near: Box<dyn Timer>) -> Box<dyn Timer> {
    Box::new(FarTimer::<Async<OwnedFd>>::new((), now, near))
}

impl WatchedFd for Async<OwnedFd> {
    type Reactor = ();

    fn watch(fd: OwnedFd, (): &()) -> io::Result<Self> {
        Self::new_nonblocking(fd)
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_readable(self, cx)
    }
}
