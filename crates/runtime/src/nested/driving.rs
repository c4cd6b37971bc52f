//! Moves the reactor and the tasks between the threads in `block_on` and async-std.

// A thread that takes part.
pub(super) mod presence;

use std::cell::{Cell, RefCell};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Waker;

use super::fallback::Fallback;
use super::outer::Outer;
use super::queue::Queue;
use super::reactor::Reactor;
use super::root::Root;
use super::task::{Schedule, Task};
use crate::Lock;

/// The most tasks that one thread runs before it looks at other things.
const BATCH: usize = 64;

/// How much a thread in `block_on` does before it looks for reports, if there is always something to do: a
/// task counts as 1.
const MOST_BUSY: usize = 64;

/// The most drivers of connections that async-io's thread runs for one batch of reports. The pool runs the
/// others, and all other tasks: one that blocks would hold up async-io.
const MOST_INLINE: usize = 16;

/// The most reports for which a thread keeps memory from one batch to the next.
const MOST_ROOM: usize = 1024;

/// The reactor and the tasks of a process.
///
/// They are *driven* while threads are in `block_on`. Of these threads, one is in the seat of the
/// reactor, or on its way there; it runs the tasks between its waits. The others are parked until they
/// are woken, or until the seat is free. Otherwise async-io drives the reactor, and async-std's pool
/// runs the tasks.
#[derive(Debug)]
pub(super) struct Nested {
    pub(super) reactor: Reactor,
    /// The tasks to run, while the threads in `block_on` do that.
    queue: Queue,
    /// False while async-io drives the reactor. It stays true for a while when the last thread leaves
    /// `block_on`: a program may call that once for each RPC.
    is_driven: AtomicBool,
    /// How many calls of `block_on` run.
    present: AtomicUsize,
    /// The threads in `block_on` that wait for the seat.
    parked: Lock<Vec<Arc<Root>>>,
    outer: Outer,
    pub(super) fallback: Fallback,
}

thread_local! {
    /// True on a thread that has been in `block_on`.
    static BLOCKS_ON: Cell<bool> = const { Cell::new(false) };
    /// What this thread has done in `block_on` since it last looked for reports. It is kept from one
    /// `block_on` to the next: many short ones must not keep the network waiting.
    static BUSY: Cell<usize> = const { Cell::new(0) };
    /// While this thread of async-io wakes the tasks of a batch of reports: those that it may run itself.
    static INLINE: RefCell<Option<Vec<Arc<Task>>>> = const { RefCell::new(None) };
    /// The memory of the last batch of reports on this thread, for the next one.
    static ROOM: Cell<Room> = const { Cell::new(Room { wakers: Vec::new(), tasks: Vec::new() }) };
}

/// Memory for the tasks of a batch of reports. Empty between batches.
#[derive(Debug, Default)]
struct Room {
    wakers: Vec<Waker>,
    tasks: Vec<Arc<Task>>,
}

impl Room {
    fn take() -> Self {
        // There is none on a thread that ends.
        ROOM.try_with(Cell::take).unwrap_or_default()
    }

    fn give_back(self) {
        let _ = ROOM.try_with(|room| room.set(self));
    }
}

impl Nested {
    /// `on_ready` is to call [`handle_ready`](Self::handle_ready).
    pub(super) fn new(on_ready: fn()) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        let outer = Outer::new(Arc::clone(reactor.descriptor()), on_ready)?;
        outer.arm(|| None);
        Ok(Self {
            reactor,
            queue: Queue::default(),
            is_driven: AtomicBool::new(false),
            present: AtomicUsize::new(0),
            parked: Lock::default(),
            outer,
            fallback: Fallback::default(),
        })
    }

    /// Returns whether a thread in `block_on` will do what the caller leaves to it.
    ///
    /// If the last such thread has left, a caller that was never in `block_on` does not wait for it to
    /// come back.
    pub(super) fn is_driven_for_caller(&self) -> bool {
        if !self.is_driven.load(SeqCst) {
            return false;
        }
        if self.present.load(SeqCst) > 0 || BLOCKS_ON.get() {
            return true;
        }
        self.end_driving();
        false
    }

    /// Returns whether async-io drives the reactor, or a thread waits in it.
    pub(super) fn is_safe(&self) -> bool {
        !self.is_driven.load(SeqCst) || self.reactor.is_waiting()
    }

    /// Returns whether a task, a report or a timer waits for a thread.
    pub(super) fn has_work(&self) -> bool {
        self.has_tasks() || self.reactor.has_reports()
    }

    fn has_tasks(&self) -> bool {
        self.queue.len() > 0
    }

    /// Has others drive the reactor: a thread that waits for the seat, else async-io.
    pub(super) fn hand_over(&self) {
        if !self.unpark_one() {
            self.end_driving();
        }
    }

    /// Leaves the reactor to async-io, and the tasks to async-std's pool.
    fn end_driving(&self) {
        if self.is_driven.swap(false, SeqCst) {
            self.move_to_pool();
            self.arm();
        }
    }

    fn move_to_pool(&self) {
        for task in self.queue.take() {
            task.run_on_pool();
        }
    }

    /// Has async-io watch the reactor, if no thread in `block_on` drives it.
    pub(super) fn arm(&self) {
        if !self.is_driven.load(SeqCst) {
            self.outer.arm(|| self.reactor.timers.next());
        }
    }

    /// Has a thread that waits for the seat take it. Returns false if there is none.
    fn unpark_one(&self) -> bool {
        let root = self.parked.lock().pop();
        root.as_ref().is_some_and(|root| {
            root.unpark();
            true
        })
    }

    /// Takes the reports, on the thread that drives async-io's reactor, and runs the drivers of connections
    /// that wait for them on this thread.
    ///
    /// The pool would need another thread for that, which is woken at the cost of a whole call. This thread
    /// holds a lock of async-io, so it runs nothing that may block.
    pub(super) fn handle_ready(&'static self) {
        if self.is_driven.load(SeqCst) {
            return;
        }
        let Room { mut wakers, tasks } = Room::take();
        if let Some(mut seat) = self.reactor.try_take_seat() {
            self.reactor.turn_at_once(&mut seat, &mut wakers);
        }
        // A thread that came to `block_on` meanwhile did not get the seat.
        if self.is_driven.load(SeqCst) {
            self.unpark_one();
        }
        INLINE.set(Some(tasks));
        wake_all(&mut wakers);
        // The others are with the pool by now, or with a thread in `block_on`.
        let mut tasks = INLINE.take().unwrap_or_default();
        for task in tasks.drain(..) {
            task.run();
        }
        Room { wakers, tasks }.give_back();
        self.arm();
    }

    /// Runs tasks that are due, and counts them. Tasks that become due meanwhile are left for the next time.
    fn run_tasks(&self) {
        let due = self.queue.len().min(BATCH);
        for _ in 0..due {
            let Some(task) = self.queue.pop() else {
                return;
            };
            count(1);
            task.run();
        }
    }
}

/// Counts what this thread does in `block_on`.
fn count(done: usize) {
    BUSY.set(BUSY.get().saturating_add(done));
}

/// Wakes tasks. One whose waker panics does not keep the others from being woken. Frees most of the memory of
/// a large batch, which would stay on this thread.
fn wake_all(wakers: &mut Vec<Waker>) {
    for waker in wakers.drain(..) {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
    wakers.shrink_to(MOST_ROOM);
}

/// Keeps a task for this thread, if it may run it itself. Otherwise returns it.
fn keep_inline(task: Arc<Task>) -> Option<Arc<Task>> {
    if !task.is_driver() {
        return Some(task);
    }
    let mut task = Some(task);
    // There is no list on a thread that ends.
    let _ = INLINE.try_with(|inline| {
        if let Some(tasks) = &mut *inline.borrow_mut()
            && tasks.len() < MOST_INLINE
        {
            tasks.extend(task.take());
        }
    });
    task
}

impl Schedule for Nested {
    fn schedule(&self, task: Arc<Task>) {
        let Some(task) = keep_inline(task) else {
            return;
        };
        if self.is_driven_for_caller() {
            self.queue.push(task);
            self.reactor.notify();
            // They were moved just before that, maybe.
            if !self.is_driven.load(SeqCst) {
                self.move_to_pool();
            }
        } else {
            task.run_on_pool();
        }
    }
}

#[cfg(test)]
mod tests;
