//! The calls that wait for room on a connection.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use trunkline_runtime::Lock;

/// The line of the calls that wait for room on a connection, first in, first out. Cheap to clone.
///
/// Connections to one server can share a line ([`handshake_in_line`](crate::handshake_in_line)). Then
/// a call that waits takes the first room on any of them, if it was begun by
/// [`Connection::send_on_any`](crate::Connection::send_on_any).
#[derive(Clone, Default)]
pub struct CallLine(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The number of waiters, so that they are locked only when calls wait.
    waiting: AtomicUsize,
    /// True once a call has asked for one more connection.
    is_asked: AtomicBool,
    /// The number of connections that have joined the line.
    members: AtomicU64,
    /// The number of connections that joined and were not dropped.
    present_members: AtomicUsize,
    waiters: Lock<Waiters>,
}

/// The calls that wait, by their places.
#[derive(Default)]
struct Waiters {
    next: u64,
    by_place: BTreeMap<u64, Waiter>,
}

struct Waiter {
    waker: Waker,
    /// The one connection that the call waits for; `None` for any of the line.
    member: Option<Member>,
}

/// A connection of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member(u64);

/// The place of a call that waits.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// `None` before the call waits for the first time.
    number: Option<u64>,
    /// True if the last [`poll_turn`](CallLine::poll_turn) put the call in line: it was not there before,
    /// or was woken since.
    joined: bool,
}

impl Place {
    /// Returns whether the last [`poll_turn`](CallLine::poll_turn) put the call in line, for the first
    /// time or back to its place.
    pub(crate) fn has_joined(&self) -> bool {
        self.joined
    }
}

impl CallLine {
    /// Returns whether no call waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.waiting.load(SeqCst) == 0
    }

    /// Returns whether a call waits that can be sent on any connection of the line.
    #[must_use]
    pub fn has_movable_calls(&self) -> bool {
        let is_movable = |waiter: &Waiter| waiter.member.is_none();
        !self.is_empty() && self.0.waiters.lock().by_place.values().any(is_movable)
    }

    /// Records that a call asks for one more connection. Returns true for the first one since
    /// [`take_ask`](Self::take_ask).
    #[must_use]
    pub fn ask(&self) -> bool {
        !self.0.is_asked.load(SeqCst) && !self.0.is_asked.swap(true, SeqCst)
    }

    /// Forgets that a call has asked for one more connection: from now on, the next one is reported
    /// again. Look at the line afterwards.
    pub fn take_ask(&self) {
        self.0.is_asked.store(false, SeqCst);
    }

    /// Wakes all calls that wait for any connection of the line: the connections have changed.
    pub fn wake_all(&self) {
        self.wake(usize::MAX, |member| member.is_none());
    }

    /// Adds a connection to the line.
    pub(crate) fn add_member(&self) -> Member {
        self.0.present_members.fetch_add(1, SeqCst);
        Member(self.0.members.fetch_add(1, SeqCst))
    }

    /// Takes a connection out of the line, once for each [`add_member`](Self::add_member).
    pub(crate) fn remove_member(&self) {
        self.0.present_members.fetch_sub(1, SeqCst);
    }

    /// Returns whether more than one connection is in the line.
    pub(crate) fn has_several(&self) -> bool {
        self.0.present_members.load(SeqCst) > 1
    }

    /// Waits until `take` returns room for the call. `member` is the one connection that it waits for;
    /// `None` for any of the line.
    ///
    /// The call keeps its place also when this returns ready. Call [`leave`](Self::leave) then, and pass a
    /// wake on if it returns false.
    pub(crate) fn poll_turn<T>(
        &self,
        cx: &mut Context<'_>,
        place: &mut Place,
        member: Option<Member>,
        mut take: impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        place.joined = false;
        if let Some(room) = take() {
            return Poll::Ready(room);
        }
        {
            let mut waiters = self.0.waiters.lock();
            let number = *place.number.get_or_insert_with(|| {
                waiters.next += 1;
                waiters.next
            });
            let waker = cx.waker().clone();
            let old = waiters.by_place.insert(number, Waiter { waker, member });
            place.joined = old.is_none();
            self.0.waiting.store(waiters.by_place.len(), SeqCst);
        }
        // If another call ended before this one was in line, it has not woken this one.
        take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Takes a call out of the line. Returns whether it was there, or never had a place.
    pub(crate) fn leave(&self, place: &mut Place) -> bool {
        let Some(number) = std::mem::take(place).number else {
            return true;
        };
        let mut waiters = self.0.waiters.lock();
        let was_there = waiters.by_place.remove(&number).is_some();
        self.0.waiting.store(waiters.by_place.len(), SeqCst);
        was_there
    }

    /// Handles the end of a call that waits for any connection of the line, and takes no room.
    pub(crate) fn give_up(&self, place: &mut Place) {
        if !self.leave(place) {
            // The call was woken because there was room, which the next call can now take.
            self.wake(1, |member| member.is_none());
        }
    }

    /// Wakes the first `most` calls whose connection passes the filter, and takes them out of the
    /// line. A call that finds no room goes back to its place.
    ///
    /// Returns how many of them wait for any connection.
    pub(crate) fn wake(&self, most: usize, filter: impl Fn(Option<Member>) -> bool) -> usize {
        if most == 0 || self.is_empty() {
            return 0;
        }
        let woken: Vec<Waiter> = {
            let mut waiters = self.0.waiters.lock();
            let by_place = &mut waiters.by_place;
            let places = by_place.iter().filter(|(_, own)| filter(own.member));
            let places: Vec<u64> = places.map(|(place, _)| *place).take(most).collect();
            let woken = places.iter().filter_map(|place| by_place.remove(place));
            let woken = woken.collect();
            self.0.waiting.store(by_place.len(), SeqCst);
            woken
        };
        let movable = woken.iter().filter(|own| own.member.is_none()).count();
        woken.into_iter().for_each(|own| own.waker.wake());
        movable
    }
}

impl fmt::Debug for CallLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallLine")
            .field("waiting", &self.0.waiting)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    /// Calls are woken in the order of their places, and a call that waits for one connection only by
    /// that one.
    #[test]
    fn calls_are_woken_in_order() {
        let line = CallLine::default();
        let (one, other) = (line.add_member(), line.add_member());
        let wakes: Vec<Arc<Wakes>> = (0..4).map(|_| Arc::default()).collect();
        let mut places: Vec<Place> = (0..4).map(|_| Place::default()).collect();
        let members = [None, Some(other), None, Some(one)];
        for ((wakes, place), member) in wakes.iter().zip(&mut places).zip(members) {
            let waker = Waker::from(Arc::clone(wakes));
            let mut cx = Context::from_waker(&waker);
            let poll = line.poll_turn(&mut cx, place, member, || None::<()>);
            assert!(poll.is_pending());
        }
        let counts = || -> Vec<usize> { wakes.iter().map(|own| own.0.load(SeqCst)).collect() };
        let by_one = |member: Option<Member>| member.is_none_or(|own| own == one);
        assert!(line.has_movable_calls());
        line.wake(0, by_one);
        assert_eq!(counts(), [0, 0, 0, 0]);
        line.wake(2, by_one);
        assert_eq!(counts(), [1, 0, 1, 0]);
        line.wake(9, by_one);
        assert_eq!(counts(), [1, 0, 1, 1]);
        assert!(!line.is_empty() && !line.has_movable_calls());
        line.give_up(&mut places[1]);
        assert!(line.is_empty());
    }

    /// A call that was woken and ends passes its turn on to the next one that can take it.
    #[test]
    fn a_call_that_ends_passes_its_turn_on() {
        let line = CallLine::default();
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let (mut first, mut second) = (Place::default(), Place::default());
        for place in [&mut first, &mut second] {
            assert!(
                line.poll_turn(&mut cx, place, None, || None::<()>)
                    .is_pending()
            );
        }
        line.wake(1, |_| true);
        assert_eq!(wakes.0.load(SeqCst), 1);
        line.give_up(&mut first);
        assert_eq!(wakes.0.load(SeqCst), 2);
        assert!(
            line.poll_turn(&mut cx, &mut second, None, || Some(()))
                .is_ready()
        );
        assert!(!line.leave(&mut second));
        assert!(line.is_empty());
    }

    /// A wake that comes for a call while it takes room is passed on: it was for other room.
    #[test]
    fn a_wake_that_comes_while_a_call_takes_room_is_passed_on() {
        let line = CallLine::default();
        let wakes: [Arc<Wakes>; 2] = Default::default();
        let wakers = wakes.each_ref().map(|own| Waker::from(Arc::clone(own)));
        let mut places: [Place; 2] = Default::default();
        for (waker, place) in wakers.iter().zip(&mut places) {
            let mut cx = Context::from_waker(waker);
            assert!(
                line.poll_turn(&mut cx, place, None, || None::<()>)
                    .is_pending()
            );
        }
        let [first, _] = &mut places;
        let mut looks = 0;
        let take = || {
            looks += 1;
            (looks == 2).then(|| line.wake(1, |_| true))
        };
        let mut cx = Context::from_waker(&wakers[0]);
        assert!(line.poll_turn(&mut cx, first, None, take).is_ready());
        line.give_up(first);
        assert_eq!(wakes[1].0.load(SeqCst), 1);
    }

    /// A call joins the line when it begins to wait, and again each time that it goes back after a wake.
    #[test]
    fn a_call_that_is_woken_joins_again() {
        let line = CallLine::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut place = Place::default();
        let mut joins = || {
            let poll = line.poll_turn(&mut cx, &mut place, None, || None::<()>);
            assert!(poll.is_pending());
            place.has_joined()
        };
        assert_eq!([joins(), joins()], [true, false]);
        line.wake(1, |_| true);
        assert_eq!([joins(), joins()], [true, false]);
    }

    /// Only the first call that asks for one more connection is reported, until the line is looked at.
    #[test]
    fn one_ask_at_a_time() {
        let line = CallLine::default();
        assert_eq!([line.ask(), line.ask()], [true, false]);
        line.take_ask();
        assert_eq!([line.ask(), line.ask()], [true, false]);
    }
}
