//! How long a channel and its calls last.

use std::time::Duration;

use crate::queue::QueueLimits;

/// The time without calls after which a channel enters idleness, unless the application sets
/// another.
///
/// Source: [gRFC A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md).
const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How long a channel and its calls last.
#[derive(Debug)]
pub(super) struct LifeOptions {
    /// `None` if the channel never enters idleness by itself.
    pub(super) idle_timeout: Option<Duration>,
    /// The timeout of calls without one.
    pub(super) call_timeout: Option<Duration>,
    pub(super) wait_for_ready: bool,
    pub(super) queue_limits: QueueLimits,
}

impl Default for LifeOptions {
    fn default() -> Self {
        Self {
            idle_timeout: Some(IDLE_TIMEOUT),
            call_timeout: None,
            wait_for_ready: false,
            queue_limits: QueueLimits::default(),
        }
    }
}
