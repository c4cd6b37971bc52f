//! The task of a connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_runtime::{Alarm, Runtime};

use crate::compat::{CompatWire, SharedWire};
use crate::error::{Lost, LostReason};
use crate::state::ConnectionState;

/// How long a connection that nothing uses any more waits for its peer to read what is left: the
/// resets of the last calls and GOAWAY. They are a courtesy, for which a second is plenty on any
/// network; a peer that hangs must not keep the socket for ever.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// How often a driver checks whether anything uses its connection, while bytes wait for the peer to
/// read. h2 wakes it for that only when all was written.
const UNUSED_CHECK: Duration = Duration::from_secs(1);

/// The references to the facts of a connection that nothing uses: those of its driver and its wire.
const OWN_REFERENCES: usize = 2;

/// Polls one connection until it is closed.
///
/// Spawn it as a task of its own. It is the only place that decides which task polls a connection,
/// and on which thread.
#[must_use = "a connection that is not polled does nothing"]
pub struct ConnectionDriver {
    connection: h2::client::Connection<CompatWire, Bytes>,
    /// The wire under `connection`.
    wire: SharedWire,
    state: Arc<ConnectionState>,
    /// Supplies the clock and the timer.
    runtime: Arc<dyn Runtime>,
    established: Instant,
    /// True while bytes wait for the peer to read.
    is_blocked: bool,
    /// Fires every [`UNUSED_CHECK`] while bytes wait for the peer to read.
    alarm: Alarm,
    /// When `alarm` fires next. It stays set when no bytes wait any more, so that a timer is not set
    /// for each write that blocks.
    check_at: Option<Instant>,
    /// When the connection is given up. Set while nothing uses it and bytes wait.
    give_up_at: Option<Instant>,
    /// `None` once it was called.
    on_lost: Option<Box<dyn FnOnce(Lost) + Send>>,
}

impl ConnectionDriver {
    /// Takes over a connection whose handshake is done.
    pub(crate) fn new(
        connection: h2::client::Connection<CompatWire, Bytes>,
        wire: SharedWire,
        state: Arc<ConnectionState>,
        runtime: Arc<dyn Runtime>,
        on_lost: Box<dyn FnOnce(Lost) + Send>,
    ) -> Self {
        wire.lock().gather();
        Self {
            connection,
            wire,
            state,
            established: runtime.now(),
            runtime,
            is_blocked: false,
            alarm: Alarm::new(),
            check_at: None,
            give_up_at: None,
            on_lost: Some(on_lost),
        }
    }

    /// Returns when the handshake was done.
    pub(crate) fn established(&self) -> Instant {
        self.established
    }

    /// Polls the connection, then sends all that it wrote.
    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let last_created = self.state.last_created();
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut self.connection).poll(cx) {
                return Poll::Ready(ended);
            }
            let drained = self.wire.lock().poll_drain(cx);
            // When a write fails, poll h2 again: its next read gets the error, which ends the
            // connection.
            if !matches!(drained, Poll::Ready(Err(_))) {
                self.is_blocked = drained.is_pending();
                self.state.set_polled(last_created);
                return Poll::Pending;
            }
        }
    }

    /// Waits until a connection is to be given up: nothing uses it any more, and its peer does not
    /// read what is left to write.
    fn poll_give_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_blocked {
            self.give_up_at = None;
            return Poll::Pending;
        }
        if self.check_at.is_none() {
            self.check_at = Some(self.runtime.now() + UNUSED_CHECK);
        }
        loop {
            let now = ready!(self.alarm.poll(cx, self.check_at, &*self.runtime));
            if Arc::strong_count(&self.state) > OWN_REFERENCES {
                self.give_up_at = None;
            } else if *self.give_up_at.get_or_insert(now + LAST_WRITES) <= now {
                return Poll::Ready(());
            }
            self.check_at = Some(now + UNUSED_CHECK);
        }
    }

    /// Reports the loss of the connection, unless it was reported before.
    fn lose(&mut self, reason: LostReason, source: Option<h2::Error>) {
        if let Some(on_lost) = self.on_lost.take() {
            let age = self
                .runtime
                .now()
                .saturating_duration_since(self.established);
            on_lost(Lost::new(&self.state, reason, source, age));
        }
    }
}

impl Future for ConnectionDriver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let poll = self.poll_connection(cx);
        if self.on_lost.is_some()
            && let Some(go_away) = self.state.go_away().cloned()
        {
            self.lose(LostReason::GoAway(go_away), None);
        }
        if self.state.streams_used_up() {
            self.lose(LostReason::StreamsUsedUp, None);
        }
        match poll {
            Poll::Pending => {
                ready!(self.poll_give_up(cx));
                self.wire.lock().abort();
                self.lose(LostReason::NotRead, None);
            }
            Poll::Ready(Ok(())) => self.lose(LostReason::Closed, None),
            Poll::Ready(Err(error)) => self.lose(LostReason::of(&error), Some(error)),
        }
        Poll::Ready(())
    }
}

impl Drop for ConnectionDriver {
    /// Reports the loss also when the runtime drops the task.
    fn drop(&mut self) {
        self.lose(LostReason::TaskDropped, None);
    }
}

impl fmt::Debug for ConnectionDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionDriver")
            .field("peer", &self.state.peer)
            .finish_non_exhaustive()
    }
}
