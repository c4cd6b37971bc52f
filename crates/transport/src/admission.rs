//! How many calls are on a connection at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use trunkline_runtime::Lock;

/// Admits calls to a connection, as many as the server allows at a time; the others wait in line.
///
/// h2 would hold them back itself, but keeps what it has of a call that has ended until the call's
/// turn comes. A call that waits here leaves nothing behind.
///
/// A call that is admitted counts until its stream is closed.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    /// The number of calls that were admitted and whose streams are not closed.
    open: AtomicUsize,
    limit: Limit,
    /// The length of `line`, so that it is locked only when calls wait.
    waiting: AtomicUsize,
    line: Lock<Line>,
}

/// How many calls may be open.
#[derive(Debug)]
struct Limit {
    /// The server's `SETTINGS_MAX_CONCURRENT_STREAMS`.
    server: AtomicUsize,
    /// True while the peer takes nothing that is sent.
    is_stalled: AtomicBool,
    /// True once the connection is lost: then h2 refuses every call.
    is_lost: AtomicBool,
}

/// The calls that wait, by their places.
#[derive(Debug, Default)]
struct Line {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// The place of a call that waits.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

impl Default for Limit {
    fn default() -> Self {
        Self {
            server: AtomicUsize::new(usize::MAX),
            is_stalled: AtomicBool::new(false),
            is_lost: AtomicBool::new(false),
        }
    }
}

impl Limit {
    fn get(&self) -> usize {
        if self.is_lost.load(SeqCst) {
            usize::MAX
        } else if self.is_stalled.load(SeqCst) {
            0
        } else {
            self.server.load(SeqCst)
        }
    }
}

impl Admission {
    /// Admits a call if there is room, and no other call waits.
    pub(crate) fn try_admit(&self) -> bool {
        self.waiting.load(SeqCst) == 0 && self.take_room()
    }

    /// Waits until a call is admitted. It keeps its place in line.
    pub(crate) fn poll_admit(&self, cx: &mut Context<'_>, place: &mut Place) -> Poll<()> {
        if self.take_room() {
            self.leave_line(place);
            return Poll::Ready(());
        }
        {
            let mut line = self.line.lock();
            let number = *place.0.get_or_insert_with(|| {
                line.next += 1;
                line.next
            });
            line.wakers.insert(number, cx.waker().clone());
            self.waiting.store(line.wakers.len(), SeqCst);
        }
        // If another call ended before this one was in line, it has not woken this one.
        if self.take_room() {
            self.leave_line(place);
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Handles the end of a call that waits.
    pub(crate) fn give_up(&self, place: &mut Place) {
        if !self.leave_line(place) {
            // The call was woken because there was room, which the next call can now take.
            self.wake();
        }
    }

    /// Takes a call out of the line. Returns whether it was there, or never had a place.
    fn leave_line(&self, place: &mut Place) -> bool {
        let Some(number) = place.0.take() else {
            return true;
        };
        let mut line = self.line.lock();
        let was_there = line.wakers.remove(&number).is_some();
        self.waiting.store(line.wakers.len(), SeqCst);
        was_there
    }

    fn take_room(&self) -> bool {
        let limit = self.limit.get();
        let more = |open: usize| (open < limit).then_some(open.saturating_add(1));
        self.open.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    /// Returns the number of calls that are on the connection.
    pub(crate) fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// Returns whether calls are on the connection, or wait in line.
    pub(crate) fn has_calls(&self) -> bool {
        self.open.load(SeqCst) > 0 || self.waiting.load(SeqCst) > 0
    }

    /// Records that this number of streams were closed.
    pub(crate) fn close(&self, streams: usize) {
        if streams > 0 {
            self.open.fetch_sub(streams, SeqCst);
            self.wake();
        }
    }

    /// Returns the server's limit if calls wait because of it; `None` while the connection is
    /// stalled.
    pub(crate) fn limit_in_the_way(&self) -> Option<u32> {
        let is_stalled = self.limit.is_stalled.load(SeqCst);
        let limit = u32::try_from(self.limit.server.load(SeqCst)).ok();
        limit.filter(|_| !is_stalled)
    }

    /// Sets how many calls the server allows at a time.
    pub(crate) fn set_server_limit(&self, limit: usize) {
        self.limit.server.store(limit, SeqCst);
        self.wake();
    }

    /// Holds all calls back while the peer takes nothing that is sent.
    pub(crate) fn set_stalled(&self, is_stalled: bool) {
        if self.limit.is_stalled.swap(is_stalled, SeqCst) != is_stalled {
            self.wake();
        }
    }

    /// Admits all calls: the connection is lost, and h2 gives each of them the reason.
    pub(crate) fn lose(&self) {
        self.limit.is_lost.store(true, SeqCst);
        self.wake();
    }

    /// Wakes as many calls as there is room for.
    fn wake(&self) {
        if self.waiting.load(SeqCst) == 0 {
            return;
        }
        let mut woken = Vec::new();
        {
            let mut line = self.line.lock();
            let room = self.limit.get().saturating_sub(self.open.load(SeqCst));
            while woken.len() < room
                && let Some((_, waker)) = line.wakers.pop_first()
            {
                woken.push(waker);
            }
            self.waiting.store(line.wakers.len(), SeqCst);
        }
        woken.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(admission: &Admission, place: &mut Place) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        admission.poll_admit(&mut cx, place).is_ready()
    }

    /// Calls over the limit wait in line, and no call overtakes them.
    #[test]
    fn calls_over_the_limit_wait_in_line() {
        let admission = Admission::default();
        admission.set_server_limit(1);
        assert!(admission.try_admit());
        let (mut first, mut second) = (Place::default(), Place::default());
        assert!(!poll(&admission, &mut first));
        assert!(!poll(&admission, &mut second));
        admission.close(1);
        assert!(!admission.try_admit());
        assert!(poll(&admission, &mut first));
        assert!(!poll(&admission, &mut second));
    }

    /// A call that was woken and ends passes its turn on, and nothing is left of calls that ended.
    #[test]
    fn a_call_that_ends_passes_its_turn_on() {
        let admission = Admission::default();
        admission.set_server_limit(1);
        assert!(admission.try_admit());
        let (mut first, mut second) = (Place::default(), Place::default());
        assert!(!poll(&admission, &mut first));
        assert!(!poll(&admission, &mut second));
        admission.close(1);
        assert_eq!(admission.waiting.load(SeqCst), 1);
        admission.give_up(&mut first);
        assert_eq!(admission.waiting.load(SeqCst), 0);
        assert!(poll(&admission, &mut second));
        assert!(admission.line.lock().wakers.is_empty());
    }

    /// A stalled connection admits no call, and a lost one all.
    #[test]
    fn stalled_and_lost_connections() {
        let admission = Admission::default();
        admission.set_stalled(true);
        assert!(!admission.try_admit());
        admission.set_stalled(false);
        assert!(admission.try_admit());
        admission.set_server_limit(0);
        assert!(!admission.try_admit());
        admission.lose();
        assert!(admission.try_admit());
    }
}
