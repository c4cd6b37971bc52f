//! How long a channel and its calls last.

use std::time::Duration;

use crate::queue::QueueLimits;

/// The time without calls after which a channel enters idleness, unless the application sets
/// another.
///
/// Source: [gRFC A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md).
const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The most connections of a subchannel, unless the application sets another number.
///
/// Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max_concurrent_streams-connection-scaling.md).
const CONNECTIONS_LIMIT: u32 = 10;

/// How long a channel and its calls last.
#[derive(Debug)]
pub(super) struct LifeOptions {
    /// `None` if the channel never enters idleness by itself.
    pub(super) idle_timeout: Option<Duration>,
    /// The timeout of calls without one.
    pub(super) call_timeout: Option<Duration>,
    pub(super) wait_for_ready: bool,
    pub(super) queue_limits: QueueLimits,
    /// The most connections of a subchannel, whatever the service config asks for.
    pub(super) connections_limit: u32,
}

impl Default for LifeOptions {
    fn default() -> Self {
        Self {
            idle_timeout: Some(IDLE_TIMEOUT),
            call_timeout: None,
            wait_for_ready: false,
            queue_limits: QueueLimits::default(),
            connections_limit: CONNECTIONS_LIMIT,
        }
    }
}
