//! The task of a connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use trunkline_runtime::Runtime;

use crate::compat::{CompatWire, SharedWire};
use crate::error::{Lost, LostReason};
use crate::state::ConnectionState;

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
    /// The clock.
    runtime: Arc<dyn Runtime>,
    established: Instant,
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
            // When the write fails, poll h2 again: its next read gets the error, which ends the
            // connection.
            if !matches!(self.wire.lock().poll_drain(cx), Poll::Ready(Err(_))) {
                return Poll::Pending;
            }
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
            Poll::Pending => return Poll::Pending,
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
