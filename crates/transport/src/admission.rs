//! How many calls are on a connection at a time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use crate::line::{CallLine, Member, Place};

/// Admits calls to a connection, as many as the server allows at a time; the others wait in line.
///
/// h2 would hold them back itself, but keeps what it has of a call that has ended until the call's
/// turn comes. A call that waits here leaves nothing behind.
///
/// A call that is admitted counts until its stream is closed.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The number of calls that were admitted and whose streams are not closed.
    open: AtomicUsize,
    limit: Limit,
    /// The calls that wait, for this connection or for any that shares the line.
    line: CallLine,
    /// This connection, as the line knows it.
    member: Member,
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
    /// Returns the admission to a connection whose calls wait in `line`.
    pub(crate) fn new(line: CallLine) -> Self {
        let member = line.add_member();
        Self {
            open: AtomicUsize::new(0),
            limit: Limit::default(),
            line,
            member,
        }
    }

    /// Returns the line in which calls wait.
    pub(crate) fn line(&self) -> &CallLine {
        &self.line
    }

    /// Admits a call if there is room, and no other call waits.
    pub(crate) fn try_admit(&self) -> bool {
        self.line.is_empty() && self.take_room()
    }

    /// Waits until a call is admitted to this connection. It keeps its place in line.
    pub(crate) fn poll_admit(&self, cx: &mut Context<'_>, place: &mut Place) -> Poll<()> {
        let take = || self.take_room().then_some(());
        let poll = self.line.poll_turn(cx, place, Some(self.member), take);
        if poll.is_ready() {
            self.leave(place);
        }
        poll
    }

    /// Takes out of the line a call that waits for this connection and has room now, or ends.
    pub(crate) fn leave(&self, place: &mut Place) {
        let was_in_line = self.line.leave(place);
        // A lost connection has woken all calls that wait for it alone.
        if !was_in_line && !self.limit.is_lost.load(SeqCst) {
            // The call was woken because there was room. If it has not taken that, the next call can.
            // One is enough: it has kept one wake from the others.
            self.wake_up_to(1);
        }
    }

    /// Takes out of the line a call that waits for any connection and has room on this one.
    pub(crate) fn leave_for_this(&self, place: &mut Place) {
        if self.line.leave(place) {
            return;
        }
        let movable = self.wake_up_to(1);
        if movable == 0 && self.line.has_several() {
            // It may have been woken because there was room on another connection, where only such a
            // call looks.
            self.line.wake(1, |member| member.is_none());
        }
    }

    fn take_room(&self) -> bool {
        let limit = self.limit.get();
        let more = |open: usize| (open < limit).then_some(open.saturating_add(1));
        self.open.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    /// Admits a call that can also be sent on another connection of the line, whether or not others
    /// wait. A lost connection has no room for it.
    pub(crate) fn admit_from_line(&self) -> bool {
        !self.limit.is_lost.load(SeqCst) && self.take_room()
    }

    /// Returns whether there is room for a call that can also be sent on another connection.
    pub(crate) fn has_room(&self) -> bool {
        self.room() > 0
    }

    /// Returns whether as many calls are on the connection as the server allows.
    pub(crate) fn is_full(&self) -> bool {
        !self.limit.is_lost.load(SeqCst) && self.open.load(SeqCst) >= self.limit.server.load(SeqCst)
    }

    /// Returns the number of calls that are on the connection.
    pub(crate) fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// Returns whether calls are on the connection, or wait in line.
    pub(crate) fn has_calls(&self) -> bool {
        self.open.load(SeqCst) > 0 || !self.line.is_empty()
    }

    /// Records that this number of streams were closed.
    pub(crate) fn close(&self, streams: usize) {
        if streams > 0 {
            self.open.fetch_sub(streams, SeqCst);
            // Not for all the room: other calls, which were woken for it, may not have been polled yet.
            self.wake_up_to(streams);
        }
    }

    /// Returns the server's limit if calls wait because of it; `None` while the connection is
    /// stalled.
    pub(crate) fn limit_in_the_way(&self) -> Option<u32> {
        let is_stalled = self.limit.is_stalled.load(SeqCst);
        self.server_limit().filter(|_| !is_stalled)
    }

    /// Returns how many calls the server allows at a time; `None` without a limit.
    pub(crate) fn server_limit(&self) -> Option<u32> {
        u32::try_from(self.limit.server.load(SeqCst)).ok()
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

    /// Admits all calls that wait for this connection alone: it is lost, and h2 gives each of them the
    /// reason. The others wait for the connections that are left.
    pub(crate) fn lose(&self) {
        self.limit.is_lost.store(true, SeqCst);
        self.wake();
    }

    /// Wakes as many calls as there is room for.
    pub(crate) fn wake(&self) {
        self.wake_up_to(usize::MAX);
    }

    /// Wakes as many calls as there is room for, but no more than `most`. On a lost connection, wakes all
    /// calls that wait for it alone.
    ///
    /// Returns how many of the woken calls wait for any connection. For each of those, one that waits for
    /// this connection alone is woken too.
    fn wake_up_to(&self, most: usize) -> usize {
        if self.line.is_empty() {
            return 0;
        }
        let is_own = |member| member == Some(self.member);
        if self.limit.is_lost.load(SeqCst) {
            self.line.wake(usize::MAX, is_own);
            return 0;
        }
        let takes = |member: Option<Member>| member.is_none_or(|own| own == self.member);
        let movable = self.line.wake(self.room().min(most), takes);
        // Those calls may end, or take room elsewhere. No other connection wakes a call that waits for
        // this one.
        self.line.wake(movable, is_own);
        movable
    }

    /// Returns the number of calls that there is room for; none on a lost connection.
    fn room(&self) -> usize {
        if self.limit.is_lost.load(SeqCst) {
            return 0;
        }
        self.limit.get().saturating_sub(self.open.load(SeqCst))
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.line.remove_member();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};
    use std::task::{Wake, Waker};

    use super::*;

    fn poll(admission: &Admission, place: &mut Place) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        admission.poll_admit(&mut cx, place).is_ready()
    }

    /// Calls over the limit wait in line, and no call overtakes them.
    #[test]
    fn calls_over_the_limit_wait_in_line() {
        let admission = Admission::new(CallLine::default());
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
        let admission = Admission::new(CallLine::default());
        admission.set_server_limit(1);
        assert!(admission.try_admit());
        let (mut first, mut second) = (Place::default(), Place::default());
        assert!(!poll(&admission, &mut first));
        assert!(!poll(&admission, &mut second));
        admission.close(1);
        assert!(!admission.line.is_empty());
        admission.leave(&mut first);
        assert!(admission.line.is_empty());
        assert!(poll(&admission, &mut second));
        assert!(admission.line.is_empty());
    }

    /// A stalled connection admits no call, and a lost one all.
    #[test]
    fn stalled_and_lost_connections() {
        let admission = Admission::new(CallLine::default());
        admission.set_stalled(true);
        assert!(!admission.try_admit());
        admission.set_stalled(false);
        assert!(admission.try_admit());
        admission.set_server_limit(0);
        assert!(!admission.try_admit());
        admission.lose();
        assert!(admission.try_admit());
    }

    /// A call that can also be sent on another connection takes room on a connection that has it, and
    /// never on a lost one.
    #[test]
    fn calls_of_a_shared_line_take_room_where_it_is() {
        let line = CallLine::default();
        let (one, other) = (Admission::new(line.clone()), Admission::new(line.clone()));
        one.set_server_limit(1);
        other.set_server_limit(1);
        assert!(one.try_admit());
        assert!(one.is_full() && !one.has_room());
        assert!(!other.is_full() && other.has_room());
        assert!(!one.admit_from_line() && other.admit_from_line());
        let (mut any, mut own) = (Place::default(), Place::default());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(!poll(&one, &mut own));
        let take = || (one.admit_from_line() || other.admit_from_line()).then_some(());
        assert!(line.poll_turn(&mut cx, &mut any, None, take).is_pending());
        // Calls wait, so a new one goes to the end of the line.
        other.close(1);
        assert!(!other.try_admit());
        assert!(line.poll_turn(&mut cx, &mut any, None, take).is_ready());
        other.leave_for_this(&mut any);
        one.lose();
        assert!(line.is_empty());
        assert!(!one.has_room() && !one.is_full() && !one.admit_from_line());
        assert!(poll(&one, &mut own));
    }

    /// A call that waits for one connection is not forgotten when the call that was woken before it
    /// takes room elsewhere.
    #[test]
    fn a_call_for_one_connection_gets_the_room_that_another_leaves() {
        let line = CallLine::default();
        let (one, other) = (Admission::new(line.clone()), Admission::new(line.clone()));
        for admission in [&one, &other] {
            admission.set_server_limit(1);
            assert!(admission.try_admit());
        }
        let (mut any, mut own) = (Place::default(), Place::default());
        let mut cx = Context::from_waker(Waker::noop());
        let take = || (other.admit_from_line() || one.admit_from_line()).then_some(());
        assert!(line.poll_turn(&mut cx, &mut any, None, take).is_pending());
        assert!(!poll(&one, &mut own));
        one.close(1);
        other.close(1);
        assert!(line.poll_turn(&mut cx, &mut any, None, take).is_ready());
        other.leave_for_this(&mut any);
        assert!(one.has_room());
        // It was woken, and so is not in line.
        assert!(line.is_empty());
        assert!(poll(&one, &mut own));
    }

    /// A call that is woken for room on one connection and takes it on another, for which a call that
    /// can wait for no other was woken, leaves the first room to the calls behind.
    #[test]
    fn room_that_a_woken_call_leaves_goes_to_the_next_call() {
        let line = CallLine::default();
        let (one, other) = (Admission::new(line.clone()), Admission::new(line.clone()));
        for admission in [&one, &other] {
            admission.set_server_limit(1);
            assert!(admission.try_admit());
        }
        let mut cx = Context::from_waker(Waker::noop());
        let take = || (one.admit_from_line() || other.admit_from_line()).then_some(());
        let (mut own, mut first, mut next) = Default::default();
        assert!(!poll(&one, &mut own));
        for place in [&mut first, &mut next] {
            assert!(line.poll_turn(&mut cx, place, None, take).is_pending());
        }
        one.close(1);
        other.close(1);
        assert!(line.poll_turn(&mut cx, &mut first, None, take).is_ready());
        one.leave_for_this(&mut first);
        assert!(!poll(&one, &mut own));
        assert!(other.has_room());
        assert!(!line.has_movable_calls(), "the next call is woken");
        assert!(line.poll_turn(&mut cx, &mut next, None, take).is_ready());
    }

    /// The numbers of the calls that were woken and not polled since, in this order.
    type Woken = Arc<Mutex<VecDeque<usize>>>;

    /// Wakes a call by its number.
    struct ByNumber(usize, Woken);

    impl Wake for ByNumber {
        fn wake(self: Arc<Self>) {
            self.1.lock().expect("no panic").push_back(self.0);
        }
    }

    /// Has 1,000 calls in line, which `poll` polls, behind the 100 that the server allows. These end, as
    /// many at a time as `ended` has. Then each call is polled that is woken.
    ///
    /// Returns the number of wakes.
    fn wakes_for(
        admission: &Admission,
        ended: &[usize],
        poll: impl Fn(&mut Context<'_>, &mut Place) -> bool,
    ) -> usize {
        admission.set_server_limit(100);
        assert!((0..100).all(|_| admission.try_admit()));
        let woken = Woken::default();
        let waker = |number| Waker::from(Arc::new(ByNumber(number, Arc::clone(&woken))));
        let wakers: Vec<Waker> = (0..1000).map(waker).collect();
        let mut places: Vec<Place> = (0..1000).map(|_| Place::default()).collect();
        for (waker, place) in wakers.iter().zip(&mut places) {
            assert!(!poll(&mut Context::from_waker(waker), place));
        }
        ended.iter().for_each(|streams| admission.close(*streams));
        let (mut wakes, mut admitted) = (0, Vec::new());
        let next = || woken.lock().expect("no panic").pop_front();
        while let Some(number) = next() {
            wakes += 1;
            assert!(!admission.line.is_empty() && !admission.try_admit());
            let mut cx = Context::from_waker(&wakers[number]);
            if poll(&mut cx, &mut places[number]) {
                admitted.push(number);
            }
        }
        assert!(admitted.into_iter().eq(0..100));
        assert!(!admission.has_room());
        wakes
    }

    /// Calls that get room together are woken once each, and wake one more each: the number of wakes does
    /// not grow with the square of the room. Meanwhile no new call overtakes those in line.
    #[test]
    fn a_call_passes_on_one_wake() {
        for ended in [&[100][..], &[1; 100], &[30, 70]] {
            let admission = Admission::new(CallLine::default());
            let poll = |cx: &mut Context<'_>, place: &mut Place| {
                admission.poll_admit(cx, place).is_ready()
            };
            let wakes = wakes_for(&admission, ended, poll);
            assert!((100..=200).contains(&wakes), "{wakes} for {ended:?}");
        }
    }

    /// The same holds for calls that wait for any of several connections.
    #[test]
    fn a_call_for_any_connection_passes_on_one_wake() {
        for ended in [&[100][..], &[1; 100], &[30, 70]] {
            let line = CallLine::default();
            let (one, other) = (Admission::new(line.clone()), Admission::new(line.clone()));
            other.set_server_limit(0);
            let poll = |cx: &mut Context<'_>, place: &mut Place| {
                let take = || one.admit_from_line().then_some(());
                let poll = line.poll_turn(cx, place, None, take);
                if poll.is_ready() {
                    one.leave_for_this(place);
                }
                poll.is_ready()
            };
            let wakes = wakes_for(&one, ended, poll);
            assert!((100..=200).contains(&wakes), "{wakes} for {ended:?}");
        }
    }
}
