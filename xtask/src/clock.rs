//! The time that steps take.

use std::time::{Duration, Instant};

/// When something began.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate times real processes; it has no core"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// What is left of `limit`, zero when it is used up.
    pub(crate) fn left(self, limit: Duration) -> Duration {
        limit.saturating_sub(self.elapsed())
    }
}
