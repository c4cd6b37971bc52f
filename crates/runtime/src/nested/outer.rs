//! The place of the reactor in async-io's.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use async_io::Async;

use crate::Lock;
use crate::reactor::now;

/// When the function is called if async-io cannot watch the descriptor.
const RETRY: Duration = Duration::from_millis(10);

/// Has async-io watch the reactor, while no thread of ours waits in it.
#[derive(Debug)]
pub(super) struct Outer {
    descriptor: Async<Arc<OwnedFd>>,
    alarm: Lock<Alarm>,
    waker: Waker,
}

/// Waits for the first timer of the reactor.
#[derive(Debug)]
struct Alarm {
    timer: async_io::Timer,
    /// What the timer is set to. To set it costs a system call.
    deadline: Option<Instant>,
}

/// Calls a function on the thread that drives async-io's reactor.
struct OnReady(fn());

impl Outer {
    /// `on_ready` is called when the reactor has reports or timers that are due, once after each call of
    /// [`arm`](Self::arm).
    pub(super) fn new(descriptor: Arc<OwnedFd>, on_ready: fn()) -> io::Result<Self> {
        Ok(Self {
            descriptor: Async::new_nonblocking(descriptor)?,
            alarm: Lock::new(Alarm {
                timer: async_io::Timer::never(),
                deadline: None,
            }),
            waker: Waker::from(Arc::new(OnReady(on_ready))),
        })
    }

    /// Waits for reports, and for the first timer if one is pending. `next` returns its deadline.
    pub(super) fn arm(&self, next: impl FnOnce() -> Option<Instant>) {
        let cx = &mut Context::from_waker(&self.waker);
        // Ready means that there was a report since the last wait. Reports that are left are found by the
        // next wait at once.
        let is_watched = loop {
            match self.descriptor.poll_readable(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => break false,
                Poll::Pending => break true,
            }
        };
        let mut alarm = self.alarm.lock();
        // Read under the lock: of two threads, the later one sets the alarm, and it must not set what was the
        // first deadline before the earlier one added a timer.
        let mut deadline = next();
        if !is_watched {
            // The kernel had no memory for it, for example.
            let again = now() + RETRY;
            deadline = Some(deadline.map_or(again, |first| first.min(again)));
        }
        if alarm.deadline != deadline {
            alarm.deadline = deadline;
            match deadline {
                Some(deadline) => alarm.timer.set_at(deadline),
                None => alarm.timer = async_io::Timer::never(),
            }
        }
        let is_due = deadline.is_some() && Pin::new(&mut alarm.timer).poll(cx).is_ready();
        if is_due {
            // async-io's timer is not set any more.
            alarm.deadline = None;
        }
        drop(alarm);
        if is_due {
            self.on_pool();
        }
    }

    /// Has the pool call the function: the caller may hold any lock.
    fn on_pool(&self) {
        let waker = self.waker.clone();
        drop(async_std::task::spawn(async move { waker.wake() }));
    }
}

impl Wake for OnReady {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;

    /// A timer that is due has the function called each time that it is waited for, also when its deadline
    /// is the one of the last wait: the function may have found it not due yet.
    #[test]
    fn a_deadline_fires_again() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let on_ready = || {
            CALLS.fetch_add(1, SeqCst);
        };
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC).expect("a descriptor");
        let outer = Outer::new(Arc::new(descriptor), on_ready).expect("a descriptor");
        let deadline = now();
        for calls in 1..=3 {
            outer.arm(|| Some(deadline));
            let limit = now() + Duration::from_secs(20);
            while CALLS.load(SeqCst) < calls && now() < limit {
                std::thread::yield_now();
            }
            assert_eq!(CALLS.load(SeqCst), calls);
        }
    }
}
