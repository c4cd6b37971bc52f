//! One descriptor that the reactor watches.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use rustix::event::epoll::EventFlags;

use crate::Lock;

/// What the reactor has reported of one descriptor, and the tasks that wait for it.
///
/// The reactor reports edges: what changed since its last report. So a report is kept until a task has
/// acted on it.
#[derive(Debug, Default)]
pub(super) struct Source {
    read: Direction,
    write: Direction,
    /// True once the end of what the peer sends was reported, which is not reported again.
    has_ended: AtomicBool,
}

#[derive(Debug, Default)]
struct Direction {
    /// True from a report until a task acts on it.
    is_ready: AtomicBool,
    /// Taken by the report that makes it ready.
    waker: Lock<Option<Waker>>,
}

impl Source {
    /// The reports that the reactor is asked for.
    pub(super) const INTEREST: EventFlags = EventFlags::IN
        .union(EventFlags::OUT)
        .union(EventFlags::RDHUP)
        .union(EventFlags::ET);

    /// Handles a report. Adds the tasks to be woken to `wakers`.
    pub(super) fn handle(&self, flags: EventFlags, wakers: &mut Vec<Waker>) {
        let failed = EventFlags::ERR | EventFlags::HUP;
        let ended = EventFlags::RDHUP | EventFlags::HUP;
        if flags.intersects(ended) {
            // First, so that a task that finds the report finds this too.
            self.has_ended.store(true, SeqCst);
        }
        if flags.intersects(failed | ended | EventFlags::IN) {
            wakers.extend(self.read.report());
        }
        if flags.intersects(failed | EventFlags::OUT) {
            wakers.extend(self.write.report());
        }
    }

    /// Waits for a report that the descriptor is readable.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.read.poll(cx)
    }

    /// Waits for a report that the descriptor is writable.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.write.poll(cx)
    }

    /// Returns true once the end of what the peer sends was reported. A read that empties the socket does
    /// not see the end, so another one follows it.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(SeqCst)
    }
}

impl Direction {
    fn report(&self) -> Option<Waker> {
        // A report that no task has acted on has woken the task, or the task will find it: a sender's socket
        // is reported writable with each response.
        if self.is_ready.load(SeqCst) {
            return None;
        }
        self.is_ready.store(true, SeqCst);
        self.waker.lock().take()
    }

    /// Returns whether there is a report, and forgets it. The task acts on it after that, so a later one is
    /// never lost.
    fn take_report(&self) -> bool {
        // Read first: that takes no locked instruction.
        self.is_ready.load(SeqCst) && self.is_ready.swap(false, SeqCst)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.take_report() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.lock();
        if !waker.as_ref().is_some_and(|own| own.will_wake(cx.waker())) {
            let old = waker.replace(cx.waker().clone());
            drop(waker);
            // A waker is an executor's code, which is not run under the lock.
            drop(old);
        } else {
            drop(waker);
        }
        // A report at the same time may have come before the waker.
        if self.take_report() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(source: &Source) -> [Poll<()>; 2] {
        let cx = &mut Context::from_waker(Waker::noop());
        [source.poll_readable(cx), source.poll_writable(cx)]
    }

    const READY: Poll<()> = Poll::Ready(());

    /// A report is for the directions that it names, and is used up by one poll.
    #[test]
    fn a_report_is_used_once() {
        let (source, mut wakers) = (Source::default(), Vec::new());
        assert_eq!(poll(&source), [Poll::Pending; 2]);
        source.handle(EventFlags::IN, &mut wakers);
        assert_eq!(wakers.len(), 1);
        assert_eq!(poll(&source), [READY, Poll::Pending]);
        assert_eq!(poll(&source), [Poll::Pending; 2]);
        source.handle(EventFlags::OUT, &mut wakers);
        assert_eq!(poll(&source), [Poll::Pending, READY]);
        assert_eq!(poll(&source), [Poll::Pending; 2]);
        source.handle(EventFlags::ERR, &mut wakers);
        assert_eq!(poll(&source), [READY; 2]);
        assert_eq!(poll(&source), [Poll::Pending; 2]);
        assert_eq!(wakers.len(), 4);
    }

    /// The end of what the peer sends stays known, and its report is used up by one poll too: a socket that
    /// would block after it, such as one that is not read to its end, is no loop.
    #[test]
    fn an_end_stays_known() {
        let (source, mut wakers) = (Source::default(), Vec::new());
        source.handle(EventFlags::IN, &mut wakers);
        assert!(!source.has_ended());
        source.handle(EventFlags::IN | EventFlags::RDHUP, &mut wakers);
        assert_eq!(poll(&source), [READY, Poll::Pending]);
        for _ in 0..3 {
            assert_eq!(poll(&source), [Poll::Pending; 2]);
            assert!(source.has_ended());
        }
    }
}
