//! Who polls a connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::connection::{Lost, Shared};
use crate::io::{CompatWire, SharedWire};

/// Polls one connection; done when it is closed.
///
/// To be spawned as a task of its own. It is the one place that decides who polls a connection,
/// and on which thread.
#[must_use = "a connection that nobody polls does nothing"]
pub struct Link {
    connection: h2::client::Connection<CompatWire, Bytes>,
    /// What is under `connection`.
    wire: SharedWire,
    shared: Arc<Shared>,
    on_lost: Option<Box<dyn FnOnce(Lost) + Send>>,
}

impl Link {
    pub(crate) fn new(
        connection: h2::client::Connection<CompatWire, Bytes>,
        wire: SharedWire,
        shared: Arc<Shared>,
        on_lost: Box<dyn FnOnce(Lost) + Send>,
    ) -> Self {
        wire.lock().gather();
        Self {
            connection,
            wire,
            shared,
            on_lost: Some(on_lost),
        }
    }

    /// Polls the connection, then sends all that it wrote.
    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut self.connection).poll(cx) {
                return Poll::Ready(ended);
            }
            // Where it fails, h2 is to say so: its next read does, and ends the connection.
            if !matches!(self.wire.lock().poll_drain(cx), Poll::Ready(Err(_))) {
                return Poll::Pending;
            }
        }
    }

    fn lose(&mut self, why: impl FnOnce(&Shared) -> String) {
        if let Some(on_lost) = self.on_lost.take() {
            on_lost(Lost::new(why(&self.shared), &self.shared));
        }
    }
}

impl Future for Link {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let poll = self.poll_connection(cx);
        if self.shared.has_go_away() {
            self.lose(|shared| {
                let words = shared.go_away_words().unwrap_or_default();
                format!("{} said {words}", shared.peer)
            });
        }
        if self.shared.is_worn_out() {
            self.lose(|shared| format!("{}: the stream numbers are used up", shared.peer));
        }
        match poll {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) => self.lose(|shared| format!("{} closed", shared.peer)),
            Poll::Ready(Err(error)) => self.lose(|shared| format!("{}: {error}", shared.peer)),
        }
        Poll::Ready(())
    }
}

impl Drop for Link {
    /// Whoever waits for the connection's end hears of it even when the runtime drops the task.
    fn drop(&mut self) {
        self.lose(|shared| format!("{}: the task of the connection was dropped", shared.peer));
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("peer", &self.shared.peer)
            .finish_non_exhaustive()
    }
}
