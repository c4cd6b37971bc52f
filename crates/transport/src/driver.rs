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

/// How often a driver checks a connection whose peer lets nothing more be sent. When nothing has
/// changed since the last check, new calls are held back. A second is longer than a peer that works
/// takes to read, and short enough that few calls pile up in h2.
const CHECK: Duration = Duration::from_secs(1);

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
    /// True while the flow-control window of the connection is used up.
    is_window_closed: bool,
    /// The [`progress`](crate::wire::Wire::progress) of the wire.
    progress: u64,
    /// The progress at the last check.
    checked_progress: Option<u64>,
    /// True while new calls are held back.
    is_stalled: bool,
    /// Fires every [`CHECK`] while the peer lets nothing more be sent.
    alarm: Alarm,
    /// When `alarm` fires next. It stays set when the peer goes on, so that a timer is not set for
    /// each write that blocks.
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
            is_window_closed: false,
            progress: 0,
            checked_progress: None,
            is_stalled: false,
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
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut self.connection).poll(cx) {
                return Poll::Ready(ended);
            }
            let mut wire = self.wire.lock();
            let drained = wire.poll_drain(cx);
            self.is_window_closed = wire.is_window_closed();
            self.progress = wire.progress();
            drop(wire);
            // When a write fails, poll h2 again: its next read gets the error, which ends the
            // connection.
            if !matches!(drained, Poll::Ready(Err(_))) {
                self.is_blocked = drained.is_pending();
                return Poll::Pending;
            }
        }
    }

    /// Holds new calls back while the peer lets nothing be sent. Ready when the connection is to be
    /// given up: nothing uses it any more, and the peer does not read what is left to write.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_blocked && !self.is_window_closed {
            self.give_up_at = None;
            self.set_stalled(false);
            return Poll::Pending;
        }
        // The peer's WINDOW_UPDATE wakes the driver, as does the end of the last call.
        if self.is_stalled && !self.is_blocked {
            return Poll::Pending;
        }
        if self.check_at.is_none() {
            self.check_at = Some(self.runtime.now() + CHECK);
        }
        loop {
            // h2 does not wake the driver when the last call ends while bytes wait.
            let now = ready!(self.alarm.poll(cx, self.check_at, &*self.runtime));
            let before = self.checked_progress.replace(self.progress);
            self.set_stalled(before == self.checked_progress);
            if !self.is_blocked || Arc::strong_count(&self.state) > OWN_REFERENCES {
                self.give_up_at = None;
            } else if *self.give_up_at.get_or_insert(now + LAST_WRITES) <= now {
                return Poll::Ready(());
            }
            self.check_at = Some(now + CHECK);
            if self.is_stalled && !self.is_blocked {
                return Poll::Pending;
            }
        }
    }

    fn set_stalled(&mut self, is_stalled: bool) {
        if std::mem::replace(&mut self.is_stalled, is_stalled) != is_stalled {
            self.state.admission.set_stalled(is_stalled);
        }
    }

    /// Reports the loss of the connection, unless it was reported before.
    fn lose(&mut self, reason: LostReason, source: Option<h2::Error>) {
        if let Some(on_lost) = self.on_lost.take() {
            self.state.admission.lose();
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
                ready!(self.poll_stall(cx));
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
