//! One thread that waits for sockets and timers, and wakes the tasks that need them.
//!
//! A waker may own the last reference to a task, and the task may own sockets and timers. So no waker is
//! called or dropped under the lock.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use polling::{Event, Events, Poller};
use socket2::Socket;
use trunkline::Timer;

#[derive(Debug)]
pub(crate) struct Reactor {
    poller: Poller,
    waits: Mutex<Waits>,
}

/// What tasks wait for.
#[derive(Debug, Default)]
struct Waits {
    sources: BTreeMap<usize, Source>,
    /// By time. The number separates timers of the same time.
    timers: BTreeMap<TimerKey, Waker>,
    /// The number of the next source or timer.
    next: usize,
    is_stopped: bool,
}

type TimerKey = (Instant, usize);

#[derive(Debug)]
struct Source {
    socket: Arc<Socket>,
    /// The task that waits until the socket is readable, and the one that waits until it is writable.
    wakers: [Option<Waker>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read = 0,
    Write = 1,
}

impl Reactor {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Arc<Self>> {
        let reactor = Arc::new(Self {
            poller: Poller::new()?,
            waits: Mutex::default(),
        });
        let running = Arc::clone(&reactor);
        thread::Builder::new().spawn(move || running.run())?;
        Ok(reactor)
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.waits().is_stopped = true;
        self.interrupt();
    }

    fn run(&self) {
        let mut events = Events::new();
        loop {
            let (is_stopped, first) = {
                let waits = self.waits();
                let first = waits.timers.first_key_value();
                (waits.is_stopped, first.map(|(&(deadline, _), _)| deadline))
            };
            if is_stopped {
                return;
            }
            events.clear();
            let timeout = first.map(|deadline| deadline.saturating_duration_since(now()));
            self.poller
                .wait(&mut events, timeout)
                .expect("a poller that works");
            for waker in self.ready(&events) {
                waker.wake();
            }
        }
    }

    /// Returns the wakers of everything that is ready.
    fn ready(&self, events: &Events) -> Vec<Waker> {
        let mut ready = Vec::new();
        let mut waits = self.waits();
        for event in events.iter() {
            // The socket may be gone since the event.
            let Some(source) = waits.sources.get_mut(&event.key) else {
                continue;
            };
            if event.readable {
                ready.extend(source.wakers[Direction::Read as usize].take());
            }
            if event.writable {
                ready.extend(source.wakers[Direction::Write as usize].take());
            }
            // An event disarms both directions. If this fails, so does the task's next operation.
            if self.arm(event.key, source).is_err() {
                ready.extend(source.wakers.iter_mut().filter_map(Option::take));
            }
        }
        // Keys count up, so no timer has the last one.
        let later = waits.timers.split_off(&(now(), usize::MAX));
        ready.extend(std::mem::replace(&mut waits.timers, later).into_values());
        ready
    }

    /// Makes the poller report what the tasks of a socket wait for.
    fn arm(&self, key: usize, source: &Source) -> io::Result<()> {
        let [readable, writable] = source.wakers.each_ref().map(Option::is_some);
        if !readable && !writable {
            return Ok(());
        }
        let interest = Event::new(key, readable, writable);
        self.poller.modify(&source.socket, interest)
    }

    fn interrupt(&self) {
        self.poller.notify().expect("a poller that works");
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().expect("no panic under this lock")
    }
}

/// A socket that the reactor watches.
#[derive(Debug)]
pub(crate) struct Watched {
    reactor: Arc<Reactor>,
    key: usize,
    socket: Arc<Socket>,
}

impl Watched {
    /// Makes the reactor watch a socket, which must be non-blocking.
    pub(crate) fn new(reactor: &Arc<Reactor>, socket: Socket) -> io::Result<Self> {
        let mut waits = reactor.waits();
        let key = waits.next;
        let socket = Arc::new(socket);
        #[expect(
            unsafe_code,
            reason = "the poller keeps the descriptor: `drop` removes it before the socket is closed"
        )]
        // SAFETY: as above; `Watched` and `Source` alone have the socket, and `drop` ends both.
        unsafe {
            reactor.poller.add(&*socket, Event::none(key))?;
        }
        waits.next += 1;
        let source = Source {
            socket: Arc::clone(&socket),
            wakers: [None, None],
        };
        waits.sources.insert(key, source);
        drop(waits);
        Ok(Self {
            reactor: Arc::clone(reactor),
            key,
            socket,
        })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Tries an operation. If the socket is not ready for it, the task is woken when it is.
    pub(crate) fn poll<T>(
        &self,
        direction: Direction,
        cx: &Context<'_>,
        mut operation: impl FnMut(&Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match operation(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                done => return Poll::Ready(done),
            }
        }
        match self.wait(direction, cx) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Wakes the task when the socket is ready, at once if it became so since the operation.
    pub(crate) fn wait(&self, direction: Direction, cx: &Context<'_>) -> io::Result<()> {
        let mut waits = self.reactor.waits();
        let source = waits.sources.get_mut(&self.key);
        let source = source.expect("a source until the drop");
        let before = source.wakers[direction as usize].replace(cx.waker().clone());
        let armed = self.reactor.arm(self.key, source);
        drop(waits);
        drop(before);
        armed
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut waits = self.reactor.waits();
        let source = waits.sources.remove(&self.key);
        // Fails only if the descriptor is bad, and then the poller does not have it.
        let _ = self.reactor.poller.delete(&self.socket);
        drop(waits);
        drop(source);
    }
}

/// A timer. The reactor has it only while a task waits for it.
#[derive(Debug)]
pub(crate) struct ReactorTimer {
    reactor: Arc<Reactor>,
    deadline: Option<Instant>,
    key: Option<TimerKey>,
}

impl ReactorTimer {
    pub(crate) fn new(reactor: Arc<Reactor>) -> Self {
        Self {
            reactor,
            deadline: None,
            key: None,
        }
    }
}

impl Timer for ReactorTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
        if let Some(key) = self.key.take() {
            let waker = self.reactor.waits().timers.remove(&key);
            drop(waker);
        }
    }

    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        if deadline <= now() {
            return Poll::Ready(());
        }
        let mut waits = self.reactor.waits();
        let key = *self.key.get_or_insert_with(|| {
            waits.next += 1;
            (deadline, waits.next)
        });
        let before = waits.timers.insert(key, cx.waker().clone());
        let is_first = waits.timers.first_key_value().map(|(first, _)| *first) == Some(key);
        drop(waits);
        // The thread waits for the timer that was the first until now.
        if is_first && before.is_none() {
            self.reactor.interrupt();
        }
        drop(before);
        Poll::Pending
    }
}

impl Drop for ReactorTimer {
    fn drop(&mut self) {
        self.set(None);
    }
}

/// Returns the time of the monotonic clock, which is that of the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where `Runtime::now` comes from"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
