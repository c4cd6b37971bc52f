//! What a connection does for a call that is alone on it.

use std::fmt;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::task::Waker;

use h2::RecvStream;
use trunkline_runtime::Lock;

use crate::held_waker::HeldWaker;

/// How many calls in a row must be alone before one is served, once calls had company.
const CALLS_ALONE: u32 = 16;

/// Saves a call that is alone on its connection what would cost it switches between threads.
///
/// * h2 wakes a call while it holds a lock that the call needs at once. This call is woken when the
///   poll of the connection ends, unless the same thread polls both: then neither waits.
/// * h2 wakes the driver when a stream is dropped that has ended, in case it was the last of the
///   connection. While there are handles to the connection, calls can follow, so the stream of this
///   call is kept until the next one.
///
/// Only where calls are alone most of the time: the first of many that begin together is better sent
/// with them.
#[derive(Default)]
pub(crate) struct LoneCalls {
    /// How many calls must be alone from now on before the next one is served.
    to_wait: AtomicU32,
    /// True while a call is served like this.
    is_taken: AtomicBool,
    /// The thread that last ran the driver, by [`this_thread`].
    driver_thread: AtomicUsize,
    /// True while the call is woken by `waker`.
    is_held: AtomicBool,
    /// Wakes the call. Held back while the connection is polled.
    waker: HeldWaker,
    ended: Lock<EndedStream>,
}

/// The stream of the last of these calls.
#[derive(Default)]
struct EndedStream {
    stream: Option<RecvStream>,
    /// True once no handle to the connection is left.
    is_last: bool,
}

impl LoneCalls {
    /// Begins to serve a call, which is alone. Returns false if another one is served, or if calls had
    /// company lately.
    pub(crate) fn begin(&self) -> bool {
        // A count that two threads change at the same time is only a little off.
        match self.to_wait.load(Relaxed) {
            0 => !self.is_taken.swap(true, SeqCst),
            left => {
                self.to_wait.store(left - 1, Relaxed);
                false
            }
        }
    }

    /// Handles that a call begins that is not alone.
    pub(crate) fn handle_company(&self) {
        // Read first: all threads share it, and with many calls it stays what it is.
        if self.to_wait.load(Relaxed) != CALLS_ALONE {
            self.to_wait.store(CALLS_ALONE, Relaxed);
        }
    }

    /// Frees the stream that is kept. h2 then wakes the driver.
    pub(crate) fn free(&self) {
        let stream = self.ended.lock().stream.take();
        drop(stream);
    }

    /// Records that the driver runs on this thread.
    pub(crate) fn handle_driver(&self) {
        self.driver_thread.store(this_thread(), Relaxed);
    }

    /// Returns the waker for h2 that wakes `task`.
    pub(crate) fn waker<'a>(&'a self, task: &'a Waker) -> &'a Waker {
        // A driver that moves to another thread meanwhile only makes the call wait for a lock.
        if self.driver_thread.load(Relaxed) == this_thread() {
            return task;
        }
        self.is_held.store(true, SeqCst);
        self.waker.set_task(task);
        self.waker.waker()
    }

    /// Ends the service. Keeps the stream of the call, if it has ended.
    pub(crate) fn end(&self, ended: Option<RecvStream>) {
        if ended.is_some() {
            let mut kept = self.ended.lock();
            let old = if kept.is_last {
                ended
            } else {
                std::mem::replace(&mut kept.stream, ended)
            };
            drop(kept);
            drop(old);
        }
        if self.is_held.load(SeqCst) {
            self.is_held.store(false, SeqCst);
            self.waker.clear_task();
        }
        self.is_taken.store(false, SeqCst);
    }

    /// Ends the keeping of streams: no handle to the connection is left.
    pub(crate) fn end_handles(&self) {
        let mut ended = self.ended.lock();
        ended.is_last = true;
        let stream = ended.stream.take();
        drop(ended);
        drop(stream);
    }

    /// Begins a poll of the connection. Returns whether the wakes of the call are held back until it
    /// [ends](Self::end_poll).
    pub(crate) fn begin_poll(&self) -> bool {
        // A call that begins meanwhile is woken at once.
        let is_held = self.is_held.load(SeqCst);
        if is_held {
            self.waker.hold();
        }
        is_held
    }

    /// Ends a poll of the connection that held wakes back.
    pub(crate) fn end_poll(&self) {
        self.waker.release();
    }
}

/// Returns a number that no other thread has at the same time.
fn this_thread() -> usize {
    thread_local! {
        static PLACE: u8 = const { 0 };
    }
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

impl fmt::Debug for LoneCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoneCalls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call is woken directly where it is polled on the thread of the driver. Elsewhere its wakes are
    /// held back while the connection is polled.
    #[test]
    fn only_calls_on_other_threads_are_held_back() {
        let (calls, task) = (LoneCalls::default(), Waker::noop());
        calls.handle_driver();
        assert!(calls.waker(task).will_wake(task));
        assert!(!calls.begin_poll());
        let on_other_thread = || calls.waker(task).will_wake(task);
        let is_direct = std::thread::scope(|scope| scope.spawn(on_other_thread).join());
        assert!(!is_direct.expect("no panic"));
        assert!(calls.begin_poll());
        calls.end_poll();
        calls.end(None);
        assert!(!calls.begin_poll());
    }
}
