//! What runs for a channel beside its control task: attempts, connections and watches.

use std::task::{Context, Poll};

use trunkline_status::Status;
use trunkline_transport::ConnectionEnd;

use crate::control::held::{Held, Released, held};

/// Follows the tasks and the connections of a channel.
pub(crate) struct Live {
    /// `None` once [`poll_gone`](Self::poll_gone) was called.
    own: Option<Held>,
    gone: Released,
    /// The connections, also those that take no new calls any more. Some may be gone.
    connections: Vec<ConnectionEnd>,
    /// The length of `connections` at which those that are gone are removed.
    full: usize,
}

impl Live {
    pub(crate) fn new() -> Self {
        let (own, gone) = held();
        Self {
            own: Some(own),
            gone,
            connections: Vec::new(),
            full: 16,
        }
    }

    /// Returns what a new task holds as long as it runs; `None` once [`poll_gone`](Self::poll_gone) was called.
    pub(crate) fn task(&self) -> Option<Held> {
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
        self.gone.poll_released(cx)
    }
}
