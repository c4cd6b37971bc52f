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
