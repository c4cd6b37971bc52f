//! Timers for deadlines that are far away, over a timer of the kernel.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::Timer;

/// A descriptor that a reactor watches.
pub(crate) trait WatchedFd: AsFd + Send + Sized {
    /// What the reactor is found by.
    type Reactor: Send;

    /// Has the reactor watch a descriptor.
    fn watch(fd: OwnedFd, reactor: &Self::Reactor) -> io::Result<Self>;

    /// Waits until the descriptor is readable, again after each time that it was.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// A timer that costs the reactor nothing while it is pending. Setting it takes a system call, and its
/// first use a descriptor. Where the kernel gives none, it is a timer of the reactor.
pub(crate) struct FarTimer<F: WatchedFd> {
    now: fn() -> Instant,
    reactor: F::Reactor,
    deadline: Option<Instant>,
    /// `None` until it is first needed.
    kernel: Option<F>,
    /// True while the kernel's timer is set to `deadline`.
    is_armed: bool,
    /// The timer of the reactor.
    near: Box<dyn Timer>,
    /// True while that is used for `deadline`.
    is_near: bool,
}

impl<F: WatchedFd> FarTimer<F> {
    /// Returns a timer that is not set. `near` is a timer of the reactor.
    pub(crate) fn new(reactor: F::Reactor, now: fn() -> Instant, near: Box<dyn Timer>) -> Self {
        Self {
            now,
            reactor,
            deadline: None,
            kernel: None,
            is_armed: false,
            near,
            is_near: false,
        }
    }

    fn poll_kernel(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.kernel.is_none() {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            self.kernel = Some(F::watch(fd, &self.reactor)?);
        }
        let Some(kernel) = &mut self.kernel else {
            return Poll::Pending;
        };
        loop {
            let left = deadline.saturating_duration_since((self.now)());
            if left.is_zero() {
                return Poll::Ready(Ok(()));
            }
            if !self.is_armed {
                arm(&*kernel, left)?;
                self.is_armed = true;
            }
            match kernel.poll_readable(cx) {
                // It fired before the deadline, or the reactor's report is an old one.
                Poll::Ready(Ok(())) => self.is_armed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<F: WatchedFd> Timer for FarTimer<F> {
    fn set(&mut self, deadline: Option<Instant>) {
        if self.deadline == deadline {
            return;
        }
        self.deadline = deadline;
        if std::mem::take(&mut self.is_near) {
            self.near.set(None);
        }
        if std::mem::take(&mut self.is_armed)
            && let Some(kernel) = &self.kernel
        {
            // It fails for no descriptor that could be set before.
            let _ = arm(kernel, Duration::ZERO);
        }
    }

    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        if !self.is_near {
            match self.poll_kernel(deadline, cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
                // Most often there are no descriptors left.
                Poll::Ready(Err(_)) => {
                    self.kernel = None;
                    self.is_armed = false;
                    self.is_near = true;
                    self.near.set(Some(deadline));
                }
            }
        }
        self.near.poll_fired(cx)
    }
}

/// Sets a timer of the kernel to fire after a time, or unsets it if that is zero.
fn arm(timer: impl AsFd, after: Duration) -> io::Result<()> {
    let zero = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let value = Itimerspec {
        it_interval: zero,
        it_value: Timespec::try_from(after).unwrap_or(zero),
    };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &value)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::fd::BorrowedFd;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::task::Waker;

    use super::*;

    /// A descriptor that no reactor takes.
    struct Refused(OwnedFd);

    impl AsFd for Refused {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl WatchedFd for Refused {
        type Reactor = ();

        fn watch(_: OwnedFd, (): &()) -> io::Result<Self> {
            Err(io::ErrorKind::OutOfMemory.into())
        }

        fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    /// A timer that fires as soon as it is set.
    struct Prompt(Arc<AtomicBool>);

    impl Timer for Prompt {
        fn set(&mut self, deadline: Option<Instant>) {
            self.0.store(deadline.is_some(), SeqCst);
        }

        fn poll_fired(&mut self, _: &mut Context<'_>) -> Poll<()> {
            if self.0.load(SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }
    }

    /// Where no descriptor is left, the timer of the reactor is used.
    #[test]
    fn takes_the_timer_of_the_reactor_without_a_descriptor() {
        #[expect(clippy::disallowed_methods, reason = "a clock of a test")]
        let now = Instant::now;
        let near = Arc::<AtomicBool>::default();
        let mut timer = FarTimer::<Refused>::new((), now, Box::new(Prompt(Arc::clone(&near))));
        let mut cx = Context::from_waker(Waker::noop());
        timer.set(Some(now() + Duration::from_secs(3600)));
        assert_eq!(timer.poll_fired(&mut cx), Poll::Ready(()));
        timer.set(None);
        assert_eq!(timer.poll_fired(&mut cx), Poll::Pending);
        assert!(!near.load(SeqCst));
    }
}
