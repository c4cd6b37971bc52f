//! The counters of subchannels, as calls find them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use trunkline_channel::ConnectionId;
use trunkline_lb::{SubchannelId, SubchannelTable};

use crate::counters::{MessageCounters, SubchannelCalls};

/// The counters of subchannels. Calls read them without a lock.
#[derive(Debug, Default)]
pub(crate) struct CounterTable {
    table: ArcSwap<SubchannelTable<Arc<SubchannelCounters>>>,
}

/// The counters of one subchannel and of its sockets.
#[derive(Debug)]
pub(crate) struct SubchannelCounters {
    pub(crate) calls: SubchannelCalls,
    /// Most subchannels have one socket.
    sockets: ArcSwap<Vec<(ConnectionId, Arc<MessageCounters>)>>,
}

impl CounterTable {
    /// Runs `count` with the counters of a subchannel, if they are there.
    pub(crate) fn with(&self, id: SubchannelId, count: impl FnOnce(&SubchannelCounters)) {
        if let Some(counters) = self.table.load().get(id) {
            count(counters);
        }
    }

    /// Adds the counters of a new subchannel. It takes the place of one that was removed, if that had the
    /// same index. Only one thread at a time may change the table.
    pub(crate) fn insert(&self, id: SubchannelId) -> Arc<SubchannelCounters> {
        let counters = Arc::new(SubchannelCounters {
            calls: SubchannelCalls::default(),
            sockets: ArcSwap::default(),
        });
        self.change(|table| table.insert(id, Arc::clone(&counters)));
        counters
    }

    /// Removes the counters of a subchannel, if they are there.
    pub(crate) fn remove(&self, id: SubchannelId) {
        self.change(|table| {
            table.remove(id);
        });
    }

    fn change(&self, change: impl FnOnce(&mut SubchannelTable<Arc<SubchannelCounters>>)) {
        let mut table = SubchannelTable::clone(&self.table.load());
        change(&mut table);
        self.table.store(Arc::new(table));
    }
}

impl SubchannelCounters {
    /// Adds a socket, and returns its counters. Only one thread at a time may change the list.
    pub(crate) fn add_socket(&self, id: ConnectionId) -> Arc<MessageCounters> {
        let counters = Arc::<MessageCounters>::default();
        let mut sockets = Vec::clone(&self.sockets.load());
        sockets.push((id, Arc::clone(&counters)));
        self.sockets.store(Arc::new(sockets));
        counters
    }

    /// Removes a socket, if it is there.
    pub(crate) fn remove_socket(&self, id: ConnectionId) {
        let mut sockets = Vec::clone(&self.sockets.load());
        sockets.retain(|(own, _)| *own != id);
        self.sockets.store(Arc::new(sockets));
    }

    /// Counts the messages of an attempt, if its socket is there.
    pub(crate) fn add_messages(&self, socket: ConnectionId, sent: u64, received: u64) {
        let sockets = self.sockets.load();
        if let Some((_, counters)) = sockets.iter().find(|(own, _)| *own == socket) {
            counters.add(sent, received);
        }
    }
}
