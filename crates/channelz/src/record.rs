//! What is known of one channel.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use trunkline_channel::{Channel, ChannelEvent, ChannelId, ChannelIdentity, WeakChannel};
use trunkline_lb::ConnectivityState;
use trunkline_runtime::Lock;

use crate::clock::Clock;
use crate::counters::ChannelCalls;
use crate::ids::next_id;
use crate::options::ChannelzOptions;
use crate::table::CounterTable;
use crate::tree::Tree;

/// What is known of one channel. It does not keep the channel.
#[derive(Debug)]
pub(crate) struct ChannelRecord {
    pub(crate) id: i64,
    pub(crate) channel: ChannelId,
    pub(crate) target: String,
    pub(crate) clock: Clock,
    pub(crate) calls: ChannelCalls,
    pub(crate) counters: Arc<CounterTable>,
    /// Locked by the control task for one event at a time, and by the service to read it.
    pub(crate) tree: Lock<Tree>,
    /// Empty until the channel is built.
    handle: OnceLock<WeakChannel>,
}

impl ChannelRecord {
    pub(crate) fn new(channel: &ChannelIdentity<'_>, options: ChannelzOptions) -> Self {
        let clock = Clock::start(&**channel.runtime);
        let counters = Arc::<CounterTable>::default();
        let tree = Tree::new(options, Arc::clone(&counters), clock.started());
        Self {
            id: next_id(),
            channel: channel.id,
            target: channel.target.to_owned(),
            clock,
            calls: ChannelCalls::new(),
            counters,
            tree: Lock::new(tree),
            handle: OnceLock::new(),
        }
    }

    /// Keeps the handle of the channel, which is built now.
    pub(crate) fn set_built(&self, channel: &WeakChannel) {
        // A channel is built once.
        let _ = self.handle.set(channel.clone());
    }

    /// Returns the channel; `None` if it is not built yet, has ended, or was closed before its first
    /// use.
    pub(crate) fn channel(&self) -> Option<Channel> {
        let channel = self.handle.get()?.upgrade()?;
        let is_closed = channel.state() == ConnectivityState::Shutdown;
        // A channel that is used and closed ends with an event, once its calls have ended.
        (!is_closed || self.tree.lock().has_subchannels()).then_some(channel)
    }

    pub(crate) fn handle_event(&self, event: &ChannelEvent, at: Instant) {
        self.tree.lock().handle_event(event, at);
    }
}
