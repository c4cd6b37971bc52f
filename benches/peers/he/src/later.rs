//! Runs jobs after a delay.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

type Job = Box<dyn FnOnce() + Send>;

/// A thread that runs jobs when they are due. Clones share the thread.
#[derive(Clone)]
pub struct Later(Sender<(Instant, Job)>);

impl Later {
    /// Starts the thread, which ends with the last clone.
    pub fn start() -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || work(&receiver));
        Self(sender)
    }

    /// Runs `job` after `delay`. Jobs that are due at the same instant run in the order of the
    /// calls.
    #[expect(clippy::disallowed_methods, reason = "this delays in real time")]
    pub fn after(&self, delay: Duration, job: impl FnOnce() + Send + 'static) {
        // Cannot fail: the thread lives as long as there is a sender.
        let _ = self.0.send((Instant::now() + delay, Box::new(job)));
    }
}

#[expect(clippy::disallowed_methods, reason = "this delays in real time")]
fn work(receiver: &Receiver<(Instant, Job)>) {
    let mut waiting: BTreeMap<(Instant, u64), Job> = BTreeMap::new();
    let mut count = 0;
    loop {
        let now = Instant::now();
        let next = match waiting.first_entry() {
            Some(first) if first.key().0 <= now => {
                first.remove()();
                continue;
            }
            Some(first) => receiver.recv_timeout(first.key().0 - now),
            None => receiver.recv().map_err(RecvTimeoutError::from),
        };
        match next {
            Ok((at, job)) => {
                waiting.insert((at, count), job);
                count += 1;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
