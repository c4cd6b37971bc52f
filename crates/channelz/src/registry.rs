//! The channels of the program.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_channel::WeakChannel;
use trunkline_runtime::Lock;

use crate::record::ChannelRecord;

/// The channels that are observed, by id.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    channels: Lock<BTreeMap<i64, Arc<ChannelRecord>>>,
}

impl Registry {
    pub(crate) fn insert(&self, record: Arc<ChannelRecord>) {
        self.channels.lock().insert(record.id, record);
    }

    pub(crate) fn remove(&self, id: i64) {
        self.channels.lock().remove(&id);
    }

    /// Handles the end of the building of a channel.
    pub(crate) fn set_built(&self, channel: &WeakChannel) {
        let channels = self.channels.lock();
        // It is one of the last.
        let record = channels.values().rev();
        if let Some(record) = record.into_iter().find(|own| own.channel == channel.id()) {
            record.set_built(channel);
        }
    }

    /// Returns the channel with this id.
    pub(crate) fn get(&self, id: i64) -> Option<Arc<ChannelRecord>> {
        self.channels.lock().get(&id).map(Arc::clone)
    }

    /// Returns the channels with this id and higher ones, by id.
    pub(crate) fn starting_at(&self, id: i64) -> Vec<Arc<ChannelRecord>> {
        let channels = self.channels.lock();
        channels
            .range(id..)
            .map(|(_, own)| Arc::clone(own))
            .collect()
    }
}
