//! What the server counts.

use std::sync::{Arc, Mutex, PoisonError};

/// The counts of all connections of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// Connections accepted.
    pub(super) accepted: usize,
    /// Connections that have ended.
    pub(super) ended: usize,
    pub(super) pings_sent: usize,
    pub(super) pings_answered: usize,
    /// The most streams that were open at a time on one connection.
    pub(super) most_streams: usize,
}

/// The log of one server, which its connections share.
#[derive(Clone, Debug, Default)]
pub(super) struct Record(Arc<Mutex<Log>>);

impl Record {
    /// Changes the log.
    pub(super) fn log(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns the log as it is now.
    pub(super) fn read(&self) -> Log {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
