//! The tasks to run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::task::Task;
use crate::Lock;

/// Tasks that are to run, in the order in which they were woken.
///
/// A thread in `block_on` looks several times at it for each response, and mostly finds it empty. To look
/// takes no lock.
#[derive(Debug, Default)]
pub(super) struct Queue {
    tasks: Lock<VecDeque<Arc<Task>>>,
    /// The number of `tasks`. Written under their lock.
    len: AtomicUsize,
}

impl Queue {
    pub(super) fn push(&self, task: Arc<Task>) {
        let mut tasks = self.tasks.lock();
        tasks.push_back(task);
        self.len.store(tasks.len(), SeqCst);
    }

    pub(super) fn pop(&self) -> Option<Arc<Task>> {
        if self.len() == 0 {
            return None;
        }
        let mut tasks = self.tasks.lock();
        let task = tasks.pop_front();
        self.len.store(tasks.len(), SeqCst);
        task
    }

    /// Removes all tasks.
    pub(super) fn take(&self) -> VecDeque<Arc<Task>> {
        let mut tasks = self.tasks.lock();
        self.len.store(0, SeqCst);
        std::mem::take(&mut *tasks)
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(SeqCst)
    }
}
