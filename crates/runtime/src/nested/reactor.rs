//! The reactor: epoll, with edges.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, MutexGuard};
use std::task::Waker;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd};

use super::source::Source;
use super::sources::Sources;
use super::timers::Timers;
use crate::Lock;
use crate::reactor::now;

/// The most reports that are taken at once.
const MOST_EVENTS: usize = 128;

/// Memory for the reports that are taken at once.
type Events = [MaybeUninit<Event>; MOST_EVENTS];

const NO_EVENTS: Events = [const { MaybeUninit::uninit() }; MOST_EVENTS];

/// The key of the descriptor that ends a wait.
const WAKE: u64 = u64::MAX;

/// The longest wait, which is what `epoll_wait` takes at least.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Watches descriptors and timers. Only one thread at a time waits in it: the one in the [`Seat`].
#[derive(Debug)]
pub(super) struct Reactor {
    epoll: Arc<OwnedFd>,
    /// Ends a wait when it is written to. It is never read: each write is an edge.
    wake: OwnedFd,
    sources: Sources,
    pub(super) timers: Timers,
    seat: Lock<Seat>,
    /// True while a thread waits, or is about to, and was not notified.
    is_waiting: AtomicBool,
}

/// The right to wait.
#[derive(Debug, Default)]
pub(super) struct Seat(());

impl Reactor {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), edges)?;
        Ok(Self {
            epoll: Arc::new(epoll),
            wake,
            sources: Sources::default(),
            timers: Timers::default(),
            seat: Lock::default(),
            is_waiting: AtomicBool::new(false),
        })
    }

    /// Returns the descriptor that is readable while there are reports.
    pub(super) fn descriptor(&self) -> &Arc<OwnedFd> {
        &self.epoll
    }

    /// Begins to watch a descriptor. Returns the key to [remove](Self::remove) it with.
    pub(super) fn add(&self, fd: impl AsFd, source: Arc<Source>) -> io::Result<u64> {
        let key = self.sources.insert(source);
        let added = epoll::add(&self.epoll, fd, EventData::new_u64(key), Source::INTEREST);
        if let Err(error) = added {
            self.sources.remove(key);
            return Err(error.into());
        }
        Ok(key)
    }

    /// Ends the watching of a descriptor.
    pub(super) fn remove(&self, fd: impl AsFd, key: u64) {
        // It fails for no descriptor that was added.
        let _ = epoll::delete(&self.epoll, fd);
        self.sources.remove(key);
    }

    /// Takes the seat. `None` if another thread has it.
    pub(super) fn try_take_seat(&self) -> Option<MutexGuard<'_, Seat>> {
        self.seat.try_lock()
    }

    /// Returns whether a thread waits, and was not notified.
    pub(super) fn is_waiting(&self) -> bool {
        self.is_waiting.load(SeqCst)
    }

    /// Returns whether there are reports, or timers that are due.
    pub(super) fn has_reports(&self) -> bool {
        let mut poll = [PollFd::new(&self.epoll, PollFlags::IN)];
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let is_readable = rustix::event::poll(&mut poll, Some(&zero)).is_ok_and(|ready| ready > 0);
        is_readable || self.timers.next().is_some_and(|deadline| deadline <= now())
    }

    /// Ends the wait of the thread in the seat, or the one that it is about to begin.
    pub(super) fn notify(&self) {
        if self.is_waiting.load(SeqCst) && self.is_waiting.swap(false, SeqCst) {
            // It fails after 2^64 writes.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    /// Takes the reports that there are, and the timers that are due. Adds the tasks to be woken to
    /// `wakers`.
    ///
    /// Waits for the first of them, if `may_wait` returns true. What makes that false must be changed
    /// before [`notify`](Self::notify) is called.
    pub(super) fn turn(
        &self,
        _: &mut Seat,
        may_wait: impl FnOnce() -> bool,
        wakers: &mut Vec<Waker>,
    ) {
        self.is_waiting.store(true, SeqCst);
        let timeout = if may_wait() {
            self.timers.next().map(time_until)
        } else {
            Some(Duration::ZERO)
        };
        let mut events = NO_EVENTS;
        let events = self.wait(timeout, &mut events);
        self.is_waiting.store(false, SeqCst);
        self.sources.handle(events, wakers);
        self.timers.take_due(now, wakers);
    }

    /// As [`turn`](Self::turn), but never waits.
    ///
    /// It does not look like a wait either: the fallback may look meanwhile, for a thread that comes to
    /// `block_on`, and would leave the reactor to the thread that it finds waiting.
    pub(super) fn turn_at_once(&self, _: &mut Seat, wakers: &mut Vec<Waker>) {
        let mut events = NO_EVENTS;
        let events = self.wait(Some(Duration::ZERO), &mut events);
        self.sources.handle(events, wakers);
        self.timers.take_due(now, wakers);
    }

    /// Returns the reports, at the latest after `timeout`. An interrupted wait has none.
    fn wait<'a>(&self, timeout: Option<Duration>, events: &'a mut Events) -> &'a [Event] {
        let timeout = timeout.map(|time| Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: time.subsec_nanos().into(),
        });
        let waited = epoll::wait(&self.epoll, events, timeout.as_ref());
        waited.map_or(&[], |(events, _)| events)
    }
}

/// Returns the time until a deadline in whole milliseconds, which is what `epoll_wait` takes. It is
/// rounded up, so that a wait does not end too early, again and again.
fn time_until(deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(now());
    let millis = left.min(LONGEST_WAIT).as_nanos().div_ceil(1_000_000);
    Duration::from_millis(millis as u64)
}
