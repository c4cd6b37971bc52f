//! Turns at a connection: its driver polls it, or a caller.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use trunkline_runtime::{Lock, Runtime};

use crate::compat::{CompatWire, SharedWire};
use crate::held_waker::HeldWaker;
use crate::state::ConnectionState;
use crate::wire::WireFacts;

/// Gives turns at a connection: to its driver, and to a caller whose call is alone on it.
///
/// A caller that has queued its request can send it in a turn of its own. Otherwise the driver would
/// have to be woken for that, on another thread with some runtimes. More calls are better sent
/// together, by the driver.
pub(crate) struct Turns {
    /// `None` once the driver has ended.
    http2: Lock<Option<Http2>>,
    /// Wakes the driver. Held back during the turn of a caller.
    driver: HeldWaker,
    /// False when only the driver may poll the connection.
    lends: bool,
}

/// An h2 connection over its wire.
pub(crate) struct Http2 {
    pub(crate) connection: h2::client::Connection<CompatWire, Bytes>,
    /// The wire under `connection`.
    wire: SharedWire,
    /// Supplies the clock.
    runtime: Arc<dyn Runtime>,
    /// What `wire` knew after the last poll.
    pub(crate) facts: WireFacts,
    /// The end of the connection, until the driver gets it.
    ended: Option<Result<(), h2::Error>>,
}

/// The turn of a caller. Its end wakes the driver, if there is more to do.
pub(crate) struct CallerTurn<'a> {
    /// `None` at the end of the turn.
    http2: Option<MutexGuard<'a, Option<Http2>>>,
    turns: &'a Turns,
    /// True when there is more to do for the driver. A poll that panics leaves everything to it.
    is_unfinished: bool,
}

impl Turns {
    pub(crate) fn new(
        connection: h2::client::Connection<CompatWire, Bytes>,
        wire: SharedWire,
        runtime: Arc<dyn Runtime>,
        lends: bool,
    ) -> Self {
        let facts = wire.lock().facts(false);
        Self {
            http2: Lock::new(Some(Http2 {
                connection,
                wire,
                runtime,
                facts,
                ended: None,
            })),
            driver: HeldWaker::default(),
            lends,
        }
    }

    /// Begins a turn of the driver, which is `waker`'s task.
    pub(crate) fn take(&self, waker: &Waker) -> MutexGuard<'_, Option<Http2>> {
        self.driver.set_task(waker);
        self.http2.lock()
    }

    /// Returns the waker that the connection is polled with.
    pub(crate) fn waker(&self) -> &Waker {
        self.driver.waker()
    }

    /// Begins a turn of a caller. `None` if the connection is being polled, or if only the driver may
    /// do that.
    pub(crate) fn try_take(&self) -> Option<CallerTurn<'_>> {
        if !self.lends {
            return None;
        }
        let http2 = self.http2.try_lock().filter(|http2| http2.is_some())?;
        self.driver.hold();
        Some(CallerTurn {
            http2: Some(http2),
            turns: self,
            is_unfinished: false,
        })
    }

    /// Frees the connection, at the end of the driver.
    pub(crate) fn close(&self, state: &ConnectionState) {
        let http2 = self.http2.lock().take();
        drop(http2);
        // A poll that panicked did not end.
        state.lone_calls.end_poll();
        self.driver.clear_task();
    }
}

impl Http2 {
    /// Polls the connection, then sends all that it wrote. Then it wakes the call that is alone.
    pub(crate) fn poll(
        &mut self,
        state: &ConnectionState,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), h2::Error>> {
        let is_held = state.lone_calls.begin_poll();
        let poll = match self.ended.take() {
            Some(ended) => Poll::Ready(ended),
            None => self.poll_and_write(state, cx),
        };
        if is_held {
            state.lone_calls.end_poll();
        }
        poll
    }

    fn poll_and_write(
        &mut self,
        state: &ConnectionState,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), h2::Error>> {
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut self.connection).poll(cx) {
                return Poll::Ready(ended);
            }
            let drained = self.wire.lock().drain(cx);
            // When a write fails, poll h2 again: its next read gets the error, which ends the
            // connection.
            let Ok(facts) = drained else { continue };
            if facts.started != self.facts.started {
                state.counts.set_last_start(self.runtime.now());
            }
            self.facts = facts;
            return Poll::Pending;
        }
    }

    /// Polls the connection for a caller. Returns whether that leaves nothing to do for the driver.
    fn poll_for_caller(&mut self, state: &ConnectionState, cx: &mut Context<'_>) -> bool {
        let received = self.facts.received;
        if let Poll::Ready(ended) = self.poll(state, cx) {
            self.ended = Some(ended);
            return false;
        }
        let room = self.facts.room;
        !room.is_blocked && !room.is_window_closed && self.facts.received == received
    }
}

impl CallerTurn<'_> {
    /// Polls the connection, and ends the turn.
    pub(crate) fn poll(mut self, state: &ConnectionState) {
        let Some(http2) = self.http2.as_mut().and_then(|http2| http2.as_mut()) else {
            return;
        };
        let driver = &self.turns.driver;
        // The poll does what the driver was to be woken for until now.
        driver.forget();
        self.is_unfinished = true;
        let cx = &mut Context::from_waker(driver.waker());
        self.is_unfinished = !http2.poll_for_caller(state, cx);
    }
}

impl Drop for CallerTurn<'_> {
    fn drop(&mut self) {
        // First, because the driver may run at once on another thread.
        self.http2 = None;
        if self.is_unfinished {
            self.turns.driver.waker().wake_by_ref();
        }
        self.turns.driver.release();
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}
