//! The state of a simulation: its clock, its tasks, the events to come, and the network.

mod agenda;
mod conn;
mod fate;
mod path;
mod socket;

mod network;

pub(crate) use self::agenda::EventKey;
pub(crate) use self::conn::{CLIENT, Conn, ConnEnd, SERVER};
pub use self::fate::{ConnectFate, IpVersion};
pub(crate) use self::network::{NetworkState, path_of};
pub(crate) use self::socket::{BoundUdp, ConnectAttempt, Listening};

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use trunkline_runtime::Lock;

use self::agenda::Agenda;
use crate::task::{ReadyQueue, SimTask};
use crate::trace::Traced;

/// How many events the trace keeps; the oldest are dropped first.
const TRACE_LIMIT: usize = 1 << 20;

/// What all handles of one simulation share.
pub(crate) struct SharedWorld {
    /// The real time at which the simulation was made; virtual time is counted from it.
    pub(crate) base: Instant,
    pub(crate) ready: Arc<ReadyQueue>,
    world: Lock<World>,
}

pub(crate) struct World {
    /// The virtual time since the simulation was made.
    pub(crate) now: Duration,
    pub(crate) rng: fastrand::Rng,
    /// The tasks by id; ids rise in the order of spawning.
    pub(crate) tasks: BTreeMap<u64, SimTask>,
    pub(crate) next_task: u64,
    agenda: Agenda<TimedEvent>,
    /// The events that wait on a cut path until it is healed, in the order of sending.
    held: BTreeMap<IpAddr, Vec<TimedEvent>>,
    trace: VecDeque<Traced>,
    pub(crate) net: NetworkState,
    /// The environment variables of the program under test.
    pub(crate) variables: BTreeMap<String, String>,
    /// Whether a run is in progress.
    pub(crate) running: bool,
    /// Whether the simulation was dropped: new tasks are then dropped at once.
    pub(crate) stopped: bool,
    /// Wakers to wake after the lock is released, because a waker may lock the world again.
    wake: Vec<Waker>,
    /// Wakers to drop after the lock is released, because a drop may lock the world again.
    discard: Vec<Waker>,
}

/// Something that happens at an instant: a packet arrives, a timer fires.
pub(crate) struct TimedEvent {
    pub(crate) label: String,
    pub(crate) run: EventAction,
}

pub(crate) type EventAction = Box<dyn FnOnce(&mut World) + Send>;

/// The error when the next event is due after the limit on virtual time.
pub(crate) struct TooLate;

impl SharedWorld {
    pub(crate) fn new(base: Instant, seed: u64) -> Arc<Self> {
        let world = World {
            now: Duration::ZERO,
            rng: fastrand::Rng::with_seed(seed),
            tasks: BTreeMap::new(),
            next_task: 1,
            agenda: Agenda::default(),
            held: BTreeMap::new(),
            trace: VecDeque::new(),
            net: NetworkState::default(),
            variables: BTreeMap::new(),
            running: false,
            stopped: false,
            wake: Vec::new(),
            discard: Vec::new(),
        };
        Arc::new(Self {
            base,
            ready: Arc::default(),
            world: Lock::new(world),
        })
    }

    /// Changes the world. Then releases the lock, and wakes and drops the wakers that `change`
    /// collected.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.world.lock();
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
        self.base + self.world.lock().now
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

    /// Schedules `run` for `at`, or for now if `at` has passed.
    pub(crate) fn schedule(&mut self, at: Duration, label: String, run: EventAction) -> EventKey {
        let event = TimedEvent { label, run };
        self.agenda.insert(at.max(self.now), event)
    }

    /// Cancels an event. The caller drops it after it has released the lock.
    pub(crate) fn unschedule(&mut self, key: EventKey) -> Option<TimedEvent> {
        self.agenda.remove(key)
    }

    /// Holds an event back until [`release`](Self::release) is called for the path.
    pub(crate) fn hold(&mut self, path: IpAddr, label: String, run: EventAction) {
        let held = self.held.entry(path).or_default();
        held.push(TimedEvent { label, run });
    }

    /// Returns the events that were held back for the path, in the order of sending.
    pub(crate) fn release(&mut self, path: IpAddr) -> Vec<TimedEvent> {
        self.held.remove(&path).unwrap_or_default()
    }

    /// Moves the clock to the next event and returns it; `None` if there is none.
    pub(crate) fn next_event(&mut self, limit: Duration) -> Option<Result<TimedEvent, TooLate>> {
        let due = self.agenda.next_due()?;
        if due > limit {
            return Some(Err(TooLate));
        }
        self.now = due;
        self.agenda.pop().map(Ok)
    }

    /// Returns when the next events are due, with their labels.
    pub(crate) fn upcoming(&self) -> impl Iterator<Item = (Duration, &str)> {
        let events = self.agenda.iter();
        events.map(|(at, event)| (at, event.label.as_str()))
    }

    /// Returns all events to come. The caller drops them after it has released the lock.
    pub(crate) fn take_events(&mut self) -> Vec<TimedEvent> {
        let held = std::mem::take(&mut self.held).into_values().flatten();
        self.agenda.take_all().chain(held).collect()
    }

    /// Wakes `waker` after the lock is released.
    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        self.wake.extend(waker);
    }

    /// Wakes all of `wakers` after the lock is released.
    pub(crate) fn wake_all(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.wake.extend(wakers);
    }

    /// Drops `waker` after the lock is released.
    pub(crate) fn discard(&mut self, waker: Option<Waker>) {
        self.discard.extend(waker);
    }
}
