//! One thread, one queue, first woken first polled.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use trunkline_runtime::BoxFuture;

use crate::stuck::{Stuck, StuckKind};
use crate::trace::Millis;
use crate::world::{Shared, World};

/// How many of the events to come a [`Stuck`] names.
const EVENTS_NAMED: usize = 8;

/// The future that was given to `run`.
const MAIN: u64 = 0;

pub(crate) struct Task {
    name: String,
    /// Away while it is polled.
    future: Option<BoxFuture<()>>,
    waker: Arc<TaskWaker>,
}

/// The tasks that were woken, in that order.
#[derive(Default)]
pub(crate) struct ReadyQueue(Mutex<VecDeque<u64>>);

struct TaskWaker {
    id: u64,
    queue: Arc<ReadyQueue>,
    /// In the queue already: a task stands in it once.
    queued: AtomicBool,
}

/// How long a run may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) polls: u64,
    pub(crate) time: Duration,
}

impl ReadyQueue {
    fn push(&self, id: u64) {
        self.lock().push_back(id);
    }

    fn pop(&self) -> Option<u64> {
        self.lock().pop_front()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TaskWaker {
    fn new(id: u64, queue: &Arc<ReadyQueue>) -> Arc<Self> {
        Arc::new(Self {
            id,
            queue: queue.clone(),
            queued: AtomicBool::new(false),
        })
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.push(self.id);
        }
    }
}

/// Adds a task; it is first polled when those that are ready now have been.
pub(crate) fn spawn(shared: &Shared, name: String, future: BoxFuture<()>) {
    // Dropped after the lock is gone if the simulation is over.
    let mut future = Some(future);
    let waker = shared.with(|world| {
        if world.stopped {
            return None;
        }
        let id = world.next_task;
        world.next_task += 1;
        let name = match name.as_str() {
            "" => format!("task {id} (spawned at {} ms)", Millis(world.now)),
            name => format!("task {id} `{name}`"),
        };
        world.trace(format!("{name} starts"));
        let waker = TaskWaker::new(id, &shared.ready);
        let task = Task {
            name,
            future: future.take(),
            waker: waker.clone(),
        };
        world.tasks.insert(id, task);
        Some(waker)
    });
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Polls what is ready, and lets time jump where nothing is, until `future` is done.
pub(crate) fn run<F: Future>(
    shared: &Shared,
    future: F,
    limits: Limits,
) -> Result<F::Output, Stuck> {
    let _running = Running::new(shared);
    let mut main = pin!(future);
    let main_waker = TaskWaker::new(MAIN, &shared.ready);
    main_waker.wake_by_ref();
    let waker = Waker::from(main_waker.clone());
    let deadline = shared.with(|world| world.now.saturating_add(limits.time));
    for _ in 0..limits.polls {
        match shared.ready.pop() {
            Some(MAIN) => {
                main_waker.queued.store(false, Ordering::Release);
                if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Ok(output);
                }
            }
            Some(id) => poll_task(shared, id),
            None => pass_time(shared, deadline)?,
        }
    }
    Err(shared.with(|world| stuck(world, StuckKind::PollLimit)))
}

/// Held while a run goes on.
struct Running<'a>(&'a Shared);

impl<'a> Running<'a> {
    fn new(shared: &'a Shared) -> Self {
        let nested = shared.with(|world| std::mem::replace(&mut world.running, true));
        assert!(
            !nested,
            "a run of a simulation within a run of the same one"
        );
        Self(shared)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.with(|world| world.running = false);
    }
}

fn poll_task(shared: &Shared, id: u64) {
    let taken = shared.with(|world| {
        let task = world.tasks.get_mut(&id)?;
        Some((task.future.take()?, task.waker.clone()))
    });
    // A task that has ended may be woken all the same.
    let Some((mut future, task_waker)) = taken else {
        return;
    };
    task_waker.queued.store(false, Ordering::Release);
    let waker = Waker::from(task_waker);
    match future.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Pending => {
            // Back to its place, unless the simulation ended meanwhile.
            let mut future = Some(future);
            shared.with(|world| {
                if let Some(task) = world.tasks.get_mut(&id) {
                    task.future = future.take();
                }
            });
        }
        Poll::Ready(()) => {
            drop(future);
            let task = shared.with(|world| {
                let task = world.tasks.remove(&id);
                if let Some(task) = &task {
                    world.trace(format!("{} ends", task.name));
                }
                task
            });
            drop(task);
        }
    }
}

fn pass_time(shared: &Shared, deadline: Duration) -> Result<(), Stuck> {
    shared.with(|world| match world.next_event(deadline) {
        Some(Ok(event)) => {
            (event.run)(world);
            Ok(())
        }
        Some(Err(_)) => Err(stuck(world, StuckKind::TimeLimit)),
        None => Err(stuck(world, StuckKind::Deadlock)),
    })
}

fn stuck(world: &World, kind: StuckKind) -> Stuck {
    let events = world.upcoming().take(EVENTS_NAMED);
    Stuck {
        kind,
        at: world.now,
        tasks: world.tasks.values().map(|task| task.name.clone()).collect(),
        events: events
            .map(|(at, label)| format!("{label} at {} ms", Millis(at)))
            .collect(),
    }
}
