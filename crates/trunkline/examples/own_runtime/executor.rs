//! Threads that run tasks.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use trunkline::BoxFuture;

/// A queue of tasks that can make progress, and the threads that take them from it.
#[derive(Debug)]
pub(crate) struct Executor {
    queue: Sender<Arc<Task>>,
}

impl Executor {
    /// Starts the threads. They end when the executor and all tasks are gone.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let (queue, tasks) = channel();
        let tasks = Arc::new(Mutex::new(tasks));
        for _ in 0..threads {
            let tasks = Arc::clone(&tasks);
            thread::Builder::new().spawn(move || run_tasks(&tasks))?;
        }
        Ok(Self { queue })
    }

    pub(crate) fn spawn(&self, future: BoxFuture<()>) {
        let task = Arc::new(Task {
            future: Mutex::new(Some(future)),
            is_queued: AtomicBool::new(false),
            queue: self.queue.clone(),
        });
        task.wake();
    }
}

fn run_tasks(tasks: &Mutex<Receiver<Arc<Task>>>) {
    loop {
        // One idle thread waits in `recv`, the others wait for the lock.
        let next = tasks.lock().expect("no panic under this lock").recv();
        let Ok(task) = next else { return };
        task.run();
    }
}

struct Task {
    /// `None` once the task has ended.
    future: Mutex<Option<BoxFuture<()>>>,
    /// True while the task is in the queue, so that it is there at most once.
    is_queued: AtomicBool,
    queue: Sender<Arc<Self>>,
}

impl Task {
    fn run(self: Arc<Self>) {
        // A task that is woken during its poll is queued again, and then waits here for that poll to end.
        let mut slot = self.future.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the poll: a wake during it must count.
        self.is_queued.store(false, Ordering::SeqCst);
        let Some(future) = slot.as_mut() else { return };
        let waker = Waker::from(Arc::clone(&self));
        let mut cx = Context::from_waker(&waker);
        // A panic ends its task, not the thread.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)));
        if !matches!(polled, Ok(Poll::Pending)) {
            *slot = None;
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::SeqCst) {
            let queue = self.queue.clone();
            // Fails only if all threads are gone.
            let _ = queue.send(self);
        }
    }
}

/// Runs a future on the calling thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        // Returns at once if the waker was called since the poll began.
        thread::park();
    }
}
