//! What a backend allows a connection.

use std::time::Duration;

/// What a backend allows each connection; the default sets no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendOptions {
    /// SETTINGS_MAX_CONCURRENT_STREAMS: how many calls of one connection run at the same time. A
    /// call over the limit is refused with REFUSED_STREAM. `None` sends no limit.
    pub max_concurrent_streams: Option<u32>,
    /// How old a connection is when it gets GOAWAY with NO_ERROR. Calls in progress continue, and so
    /// do those that the client sends before the GOAWAY arrives. As in grpc-go, up to a tenth is
    /// added or subtracted at random, from the seed of the simulation; unlike grpc-go's, the GOAWAY
    /// has no debug data. `None` sends no GOAWAY.
    pub max_connection_age: Option<Duration>,
    /// How long after the GOAWAY of [`max_connection_age`](Self::max_connection_age) a connection
    /// is closed, even if calls are in progress. `None` waits for the calls without a limit.
    pub max_connection_age_grace: Option<Duration>,
}

impl BackendOptions {
    /// Sets how many calls of one connection run at the same time.
    #[must_use]
    pub fn with_max_concurrent_streams(mut self, calls: u32) -> Self {
        self.max_concurrent_streams = Some(calls);
        self
    }

    /// Sets how old a connection is when it gets GOAWAY, within a tenth.
    #[must_use]
    pub fn with_max_connection_age(mut self, age: Duration) -> Self {
        self.max_connection_age = Some(age);
        self
    }

    /// Sets how long after that GOAWAY a connection is closed.
    #[must_use]
    pub fn with_max_connection_age_grace(mut self, grace: Duration) -> Self {
        self.max_connection_age_grace = Some(grace);
        self
    }
}
