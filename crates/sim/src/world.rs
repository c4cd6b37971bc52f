//! The state of a simulation: its clock, what is to happen, and the network.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::executor::{ReadyQueue, Task};
use crate::net::NetState;
use crate::trace::Traced;

/// How many events the trace keeps; older ones are dropped first.
const TRACE_LIMIT: usize = 1 << 20;

/// What all handles of one simulation share.
pub(crate) struct Shared {
    /// The real time at which the simulation was made; virtual time is counted from it.
    pub(crate) base: Instant,
    pub(crate) ready: Arc<ReadyQueue>,
    world: Mutex<World>,
}

pub(crate) struct World {
    /// Virtual time since the simulation was made.
    pub(crate) now: Duration,
    pub(crate) rng: fastrand::Rng,
    /// By id; ids rise in the order of spawning.
    pub(crate) tasks: BTreeMap<u64, Task>,
    pub(crate) next_task: u64,
    events: BTreeMap<EventKey, Event>,
    next_event: u64,
    trace: VecDeque<Traced>,
    pub(crate) net: NetState,
    /// Whether tasks are being polled.
    pub(crate) running: bool,
    /// Set when the simulation is dropped: nothing is accepted any more.
    pub(crate) stopped: bool,
    /// To be woken when the lock is gone, because a waker may come back to us.
    wake: Vec<Waker>,
    /// To be dropped when the lock is gone, for the same reason.
    discard: Vec<Waker>,
}

/// When an event is due, and its place among those of the same instant.
pub(crate) type EventKey = (Duration, u64);

pub(crate) struct Event {
    pub(crate) label: String,
    pub(crate) run: Action,
}

pub(crate) type Action = Box<dyn FnOnce(&mut World) + Send>;

impl Shared {
    pub(crate) fn new(base: Instant, seed: u64) -> Arc<Self> {
        let world = World {
            now: Duration::ZERO,
            rng: fastrand::Rng::with_seed(seed),
            tasks: BTreeMap::new(),
            next_task: 1,
            events: BTreeMap::new(),
            next_event: 0,
            trace: VecDeque::new(),
            net: NetState::default(),
            running: false,
            stopped: false,
            wake: Vec::new(),
            discard: Vec::new(),
        };
        Arc::new(Self {
            base,
            ready: Arc::default(),
            world: Mutex::new(world),
        })
    }

    /// Changes the world; then, without the lock, wakes whom that concerns.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.lock();
        let result = change(&mut world);
        let wake = std::mem::take(&mut world.wake);
        let discard = std::mem::take(&mut world.discard);
        drop(world);
        for waker in wake {
            waker.wake();
        }
        drop(discard);
        result
    }

    pub(crate) fn now(&self) -> Instant {
        self.base + self.lock().now
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A panic of a test must not hide behind a second one.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    pub(crate) fn trace(&mut self, what: String) {
        if self.trace.len() == TRACE_LIMIT {
            self.trace.pop_front();
        }
        self.trace.push_back(Traced { at: self.now, what });
    }

    pub(crate) fn traced(&self) -> Vec<Traced> {
        self.trace.iter().cloned().collect()
    }

    /// Lets `run` happen at `at`, or now if that has passed.
    pub(crate) fn schedule(&mut self, at: Duration, label: String, run: Action) -> EventKey {
        let key = (at.max(self.now), self.next_event);
        self.next_event += 1;
        self.events.insert(key, Event { label, run });
        key
    }

    /// Takes an event back; to be dropped by the caller, without the lock.
    pub(crate) fn unschedule(&mut self, key: EventKey) -> Option<Event> {
        self.events.remove(&key)
    }

    /// Moves the clock to the next event and gives it; `None` if there is none.
    pub(crate) fn next_event(&mut self, limit: Duration) -> Option<Result<Event, TooLate>> {
        let key = *self.events.first_key_value()?.0;
        if key.0 > limit {
            return Some(Err(TooLate));
        }
        self.now = key.0;
        self.events.remove(&key).map(Ok)
    }

    /// The labels of the next events.
    pub(crate) fn upcoming(&self) -> impl Iterator<Item = (Duration, &str)> {
        let events = self.events.iter();
        events.map(|((at, _), event)| (*at, event.label.as_str()))
    }

    /// All that is still to happen, to be dropped by the caller without the lock.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        let events = std::mem::take(&mut self.events);
        events.into_values().chain(self.net.take_held()).collect()
    }

    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        self.wake.extend(waker);
    }

    pub(crate) fn wake_all(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.wake.extend(wakers);
    }

    /// Drops a waker once the lock is gone.
    pub(crate) fn discard(&mut self, waker: Option<Waker>) {
        self.discard.extend(waker);
    }
}

/// The next event lies behind the bound on virtual time.
pub(crate) struct TooLate;
