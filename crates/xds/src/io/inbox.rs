//! What the watches of one channel are notified of, until its resolver takes it.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use trunkline_runtime::Lock;

use crate::core::ads::Delivery;

/// The updates for the watches of one channel, oldest first. The client adds them, and never waits:
/// the read credit of the client bounds how many there are.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    content: Lock<Content>,
}

#[derive(Debug, Default)]
struct Content {
    waiting: VecDeque<Delivery>,
    reader: Option<Waker>,
    /// Whether the reader shows how far the servers are.
    shows_progress: bool,
}

impl Inbox {
    pub(super) fn push(&self, delivery: Delivery) {
        let reader = {
            let mut content = self.content.lock();
            content.waiting.push_back(delivery);
            content.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Sets whether the reader is also woken by the [progress](Self::handle_progress) of a server.
    pub(super) fn show_progress(&self, shows_progress: bool) {
        self.content.lock().shows_progress = shows_progress;
    }

    /// Handles that a server has progressed, or has failed: wakes the reader if it shows that.
    pub(super) fn handle_progress(&self) {
        let reader = {
            let mut content = self.content.lock();
            let shows_progress = content.shows_progress;
            content.reader.take_if(|_| shows_progress)
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Ready with the next update.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Delivery> {
        let mut content = self.content.lock();
        match content.waiting.pop_front() {
            Some(delivery) => Poll::Ready(delivery),
            None => {
                content.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
