//! The executor: one thread and one queue, which polls tasks in the order in which they were
//! woken.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use trunkline_runtime::BoxFuture;

use crate::stuck::{Stuck, StuckKind};
use crate::task::{SimTask, TaskWaker};
use crate::trace::Millis;
use crate::world::{SharedWorld, World};

/// How many of the events to come a [`Stuck`] lists.
const EVENTS_LISTED: usize = 8;

/// The id of the future that was passed to `run`.
const MAIN: u64 = 0;

/// How long a run may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// How many tasks are polled and events handled, taken together.
    pub(crate) polls: u64,
    /// How much virtual time passes.
    pub(crate) time: Duration,
}

/// Adds a task. It is first polled after the tasks that are ready now.
pub(crate) fn spawn(shared: &SharedWorld, name: String, future: BoxFuture<()>) {
    // If the simulation was dropped, the future is dropped here, without the lock.
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
        let task = SimTask {
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

/// Polls the tasks that are ready, and moves the clock to the next event when none is, until
/// `future` is complete.
pub(crate) fn run<F: Future>(
    shared: &SharedWorld,
    future: F,
    limits: Limits,
) -> Result<F::Output, Stuck> {
    let _guard = RunGuard::new(shared);
    let mut main = pin!(future);
    let main_waker = TaskWaker::new(MAIN, &shared.ready);
    main_waker.wake_by_ref();
    let waker = Waker::from(main_waker.clone());
    let deadline = shared.with(|world| world.now.saturating_add(limits.time));
    for _ in 0..limits.polls {
        match shared.ready.pop() {
            Some(MAIN) => {
                main_waker.taken_from_queue();
                if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Ok(output);
                }
            }
            Some(id) => poll_task(shared, id),
            None => handle_next_event(shared, deadline)?,
        }
    }
    Err(shared.with(|world| stuck(world, StuckKind::PollLimit)))
}

/// Marks the simulation as running until the guard is dropped.
struct RunGuard<'a>(&'a SharedWorld);

impl<'a> RunGuard<'a> {
    fn new(shared: &'a SharedWorld) -> Self {
        let nested = shared.with(|world| std::mem::replace(&mut world.running, true));
        assert!(
            !nested,
            "a run of a simulation within a run of the same one"
        );
        Self(shared)
    }
}

impl Drop for RunGuard<'_> {
    fn drop(&mut self) {
        self.0.with(|world| world.running = false);
    }
}

fn poll_task(shared: &SharedWorld, id: u64) {
    let taken = shared.with(|world| {
        let task = world.tasks.get_mut(&id)?;
        Some((task.future.take()?, task.waker.clone()))
    });
    // A completed task may still be woken.
    let Some((mut future, task_waker)) = taken else {
        return;
    };
    task_waker.taken_from_queue();
    let waker = Waker::from(task_waker);
    match future.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Pending => {
            // If the task dropped the simulation, the future is dropped here, without the lock.
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

/// Moves the clock to the next event and handles it.
fn handle_next_event(shared: &SharedWorld, deadline: Duration) -> Result<(), Stuck> {
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
    let events = world.upcoming().take(EVENTS_LISTED);
    Stuck {
        kind,
        at: world.now,
        tasks: world.tasks.values().map(|task| task.name.clone()).collect(),
        events: events
            .map(|(at, label)| format!("{label} at {} ms", Millis(at)))
            .collect(),
    }
}
