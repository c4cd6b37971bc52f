//! The future of one `block_on`, and its thread.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Relaxed, SeqCst},
};
use std::task::Wake;
use std::thread::{self, Thread};

/// Wakes the future of one `block_on`, wherever its thread is.
#[derive(Debug)]
pub(super) struct Root {
    /// True when the future is to be polled.
    is_woken: AtomicBool,
    /// Where the thread is: one of the constants below.
    place: AtomicU8,
    thread: Thread,
    /// Ends the wait of the thread that waits in the reactor.
    notify: fn(),
}

/// The thread runs, and looks at `is_woken` before it does anything else.
const AWAKE: u8 = 0;
/// The thread waits in the reactor, or is about to.
const WAITING: u8 = 1;
/// The thread is parked, or is about to be: another one waits in the reactor.
const PARKED: u8 = 2;

impl Root {
    /// Returns the root of the calling thread, which is to be polled. `notify` ends the wait of the
    /// thread that waits in the reactor.
    pub(super) fn new(notify: fn()) -> Self {
        Self {
            is_woken: AtomicBool::new(true),
            place: AtomicU8::new(AWAKE),
            thread: thread::current(),
            notify,
        }
    }

    /// Returns whether the future is to be polled, and begins that.
    pub(super) fn take_woken(&self) -> bool {
        self.is_woken.swap(false, SeqCst)
    }

    /// Returns whether the future is to be polled.
    pub(super) fn is_woken(&self) -> bool {
        self.is_woken.load(SeqCst)
    }

    /// Begins a wait in the reactor. [`is_woken`](Self::is_woken) must be read after this.
    pub(super) fn begin_wait(&self) {
        self.place.store(WAITING, SeqCst);
    }

    /// Begins to be parked. [`is_woken`](Self::is_woken) must be read after this.
    pub(super) fn begin_park(&self) {
        self.place.store(PARKED, SeqCst);
    }

    /// Handles that the thread runs again.
    pub(super) fn handle_awake(&self) {
        self.place.store(AWAKE, Relaxed);
    }

    /// Has a thread that is parked look for the seat again.
    pub(super) fn unpark(&self) {
        self.thread.unpark();
    }
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_woken.swap(true, SeqCst) {
            return;
        }
        match self.place.load(SeqCst) {
            WAITING => (self.notify)(),
            PARKED => self.unpark(),
            _ => {}
        }
    }
}
