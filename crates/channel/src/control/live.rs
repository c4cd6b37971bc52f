//! What runs for a channel beside its control task: attempts, connections and watches.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_channel::{Receiver, Sender};
use futures_core::Stream;
use trunkline_status::Status;
use trunkline_transport::ConnectionEnd;

/// Follows the tasks and the connections of a channel.
pub(crate) struct Live {
    /// `None` once [`poll_gone`](Self::poll_gone) was called.
    own: Option<Alive>,
    gone: Pin<Box<Receiver<Infallible>>>,
    /// The connections, also those that take no new calls any more. Some may be gone.
    connections: Vec<ConnectionEnd>,
    /// The length of `connections` at which those that are gone are removed.
    full: usize,
}

/// Held by each task as long as it runs.
#[derive(Clone)]
pub(crate) struct Alive {
    _channel: Sender<Infallible>,
}

impl Live {
    pub(crate) fn new() -> Self {
        let (alive, gone) = async_channel::bounded(1);
        Self {
            own: Some(Alive { _channel: alive }),
            gone: Box::pin(gone),
            connections: Vec::new(),
            full: 16,
        }
    }

    /// Returns what a new task holds; `None` once [`poll_gone`](Self::poll_gone) was called.
    pub(crate) fn task(&self) -> Option<Alive> {
        self.own.clone()
    }

    /// Adds a connection.
    pub(crate) fn add(&mut self, connection: ConnectionEnd) {
        if self.connections.len() >= self.full {
            self.connections.retain(|own| !own.is_gone());
            self.full = (self.connections.len() * 2).max(16);
        }
        self.connections.push(connection);
    }

    /// Ends all connections at once, and the calls on them with `status`.
    pub(crate) fn cut_off(&self, status: &Status) {
        for connection in &self.connections {
            connection.cut_off(status.clone());
        }
    }

    /// Waits until all tasks have ended. No new one begins.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.own = None;
        self.gone.as_mut().poll_next(cx).map(|_| ())
    }
}
