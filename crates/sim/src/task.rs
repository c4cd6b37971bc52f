//! Tasks, and the queue of those that are ready.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use trunkline_runtime::{BoxFuture, Lock};

/// A spawned task.
pub(crate) struct SimTask {
    pub(crate) name: String,
    /// `None` while the executor polls it.
    pub(crate) future: Option<BoxFuture<()>>,
    pub(crate) waker: Arc<TaskWaker>,
}

/// The ids of the tasks that were woken, in the order of the wakes.
#[derive(Default)]
pub(crate) struct ReadyQueue(Lock<VecDeque<u64>>);

pub(crate) struct TaskWaker {
    id: u64,
    queue: Arc<ReadyQueue>,
    /// Whether the task is in the queue: it is in it at most once.
    queued: AtomicBool,
}

impl ReadyQueue {
    fn push(&self, id: u64) {
        self.0.lock().push_back(id);
    }

    pub(crate) fn pop(&self) -> Option<u64> {
        self.0.lock().pop_front()
    }
}

impl TaskWaker {
    pub(crate) fn new(id: u64, queue: &Arc<ReadyQueue>) -> Arc<Self> {
        Arc::new(Self {
            id,
            queue: queue.clone(),
            queued: AtomicBool::new(false),
        })
    }

    /// Records that the task left the queue, so that the next wake puts it in again.
    pub(crate) fn taken_from_queue(&self) {
        self.queued.store(false, Ordering::Release);
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
