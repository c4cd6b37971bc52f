//! How connections are notified of new certificates.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use trunkline_runtime::{BoxFuture, Lock};

/// A signal for one task, which is given once: certificates were replaced.
#[derive(Debug, Default)]
pub(in crate::io) struct Replaced(Lock<State>);

#[derive(Debug, Default)]
struct State {
    is_given: bool,
    waiting: Option<Waker>,
}

impl Replaced {
    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.is_given {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Returns a future that ends once the signal is given.
    pub(in crate::io) fn given(signal: Arc<Self>) -> BoxFuture<()> {
        Box::pin(poll_fn(move |cx| signal.poll(cx)))
    }

    fn give(&self) {
        let waiting = {
            let mut state = self.0.lock();
            state.is_given = true;
            state.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

/// The signals to give at the next change. They are kept by the tasks that wait for them.
#[derive(Debug, Default)]
pub(in crate::io) struct Signals(Vec<Weak<Replaced>>);

impl Signals {
    /// Adds a signal. One that is there already is not added again.
    pub(in crate::io) fn add(&mut self, signal: &Arc<Replaced>) {
        self.0.retain(|known| known.strong_count() > 0);
        if !self
            .0
            .iter()
            .any(|known| known.as_ptr() == Arc::as_ptr(signal))
        {
            self.0.push(Arc::downgrade(signal));
        }
    }

    /// Returns those that a task still waits for.
    pub(in crate::io) fn waiting(&self) -> impl Iterator<Item = Arc<Replaced>> {
        self.0.iter().filter_map(Weak::upgrade)
    }

    /// Gives all signals. Take them out of a lock first: a task that is woken may take it.
    pub(in crate::io) fn give(self) {
        for signal in self.waiting() {
            signal.give();
        }
    }
}
