//! The observer of a channel.

use std::fmt::Debug;
use std::time::Instant;

use crate::core::event::ChannelEvent;

/// Receives every event of a channel outside of its calls.
pub trait Observer: Debug + Send + Sync {
    /// Handles one event, which happened at `at`.
    ///
    /// Called by the channel's control task, in the order of the events; must not block.
    fn observe(&self, event: &ChannelEvent, at: Instant);
}
