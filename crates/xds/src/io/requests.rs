//! The requests of a stream, on their way into the body of its call.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use trunkline_runtime::Lock;

/// The requests that a stream sends. They wait until its connection takes them.
///
/// Dropping it ends the body, and with it the client's side of the stream.
pub(super) struct Requests {
    queue: Arc<Lock<Queue>>,
}

/// The body of a stream's call: each request is a piece of data.
///
/// A channel reads what a body has at once before it has a connection for the call, to recognise unary calls. The
/// time that a server has for a resource begins when its connection takes the request. So the first poll
/// finds nothing.
pub(super) struct RequestsBody {
    queue: Arc<Lock<Queue>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Bytes>,
    /// How many requests the connection took since that was last reported.
    taken: usize,
    is_ended: bool,
    was_polled: bool,
    /// Wakes the task that reads the body.
    reader: Option<Waker>,
    /// Wakes the task that counts the requests which were taken.
    counter: Option<Waker>,
}

impl Requests {
    /// Returns a queue, and the body that it fills.
    pub(super) fn new() -> (Self, RequestsBody) {
        let queue = Arc::new(Lock::new(Queue::default()));
        let body = RequestsBody {
            queue: Arc::clone(&queue),
        };
        (Self { queue }, body)
    }

    /// Adds a request, which has its prefix already.
    pub(super) fn push(&self, request: Bytes) {
        let reader = {
            let mut queue = self.queue.lock();
            queue.waiting.push_back(request);
            queue.reader.take()
        };
        wake(reader);
    }

    /// Returns how many requests the connection took since the last call; pending for none.
    pub(super) fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut queue = self.queue.lock();
        match std::mem::take(&mut queue.taken) {
            0 => {
                queue.counter = Some(cx.waker().clone());
                Poll::Pending
            }
            taken => Poll::Ready(taken),
        }
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        let reader = {
            let mut queue = self.queue.lock();
            queue.is_ended = true;
            queue.reader.take()
        };
        wake(reader);
    }
}

impl Body for RequestsBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (request, counter) = {
            let mut queue = self.queue.lock();
            if !std::mem::replace(&mut queue.was_polled, true) {
                drop(queue);
                // The reader may be another one, which goes on at once.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(request) = queue.waiting.pop_front() else {
                if queue.is_ended {
                    return Poll::Ready(None);
                }
                queue.reader = Some(cx.waker().clone());
                return Poll::Pending;
            };
            queue.taken += 1;
            (request, queue.counter.take())
        };
        wake(counter);
        Poll::Ready(Some(Ok(Frame::data(request))))
    }
}

/// Wakes a task, if there is one. No lock may be held.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.queue.lock().waiting.len();
        f.debug_struct("Requests")
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}
