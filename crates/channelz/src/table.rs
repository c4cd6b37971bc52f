//! The counters of subchannels, as calls find them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use trunkline_channel::ConnectionId;
use trunkline_lb::SubchannelId;

use crate::counters::{MessageCounters, SubchannelCalls};

/// The number of subchannels in one chunk of the table.
const CHUNK: usize = 64;

/// The counters of subchannels, by [`SubchannelId::index`].
///
/// Calls read it without a lock. A change copies one chunk, and the list of chunks.
#[derive(Debug, Default)]
pub(crate) struct CounterTable {
    chunks: ArcSwap<Vec<Arc<Chunk>>>,
}

type Chunk = [Option<Arc<SubchannelCounters>>; CHUNK];

/// The counters of one subchannel and of its sockets.
#[derive(Debug)]
pub(crate) struct SubchannelCounters {
    id: SubchannelId,
    pub(crate) calls: SubchannelCalls,
    /// Most subchannels have one socket.
    sockets: ArcSwap<Vec<(ConnectionId, Arc<MessageCounters>)>>,
}

impl CounterTable {
    /// Runs `count` with the counters of a subchannel, if they are there.
    pub(crate) fn with(&self, id: SubchannelId, count: impl FnOnce(&SubchannelCounters)) {
        let chunks = self.chunks.load();
        let chunk = chunks.get(id.index() / CHUNK);
        let counters = chunk.and_then(|chunk| chunk[id.index() % CHUNK].as_ref());
        if let Some(counters) = counters.filter(|counters| counters.id == id) {
            count(counters);
        }
    }

    /// Adds the counters of a new subchannel. It takes the place of one that was removed, if that had the
    /// same index. Only one thread at a time may change the table.
    pub(crate) fn insert(&self, id: SubchannelId) -> Arc<SubchannelCounters> {
        let counters = Arc::new(SubchannelCounters {
            id,
            calls: SubchannelCalls::default(),
            sockets: ArcSwap::default(),
        });
        self.set(id.index(), Some(Arc::clone(&counters)));
        counters
    }

    /// Removes the counters of a subchannel, if they are there.
    pub(crate) fn remove(&self, id: SubchannelId) {
        let mut is_there = false;
        self.with(id, |_| is_there = true);
        if is_there {
            self.set(id.index(), None);
        }
    }

    fn set(&self, index: usize, counters: Option<Arc<SubchannelCounters>>) {
        let mut chunks = Vec::clone(&self.chunks.load());
        while chunks.len() <= index / CHUNK {
            chunks.push(Arc::new([const { None }; CHUNK]));
        }
        let chunk = Arc::make_mut(&mut chunks[index / CHUNK]);
        chunk[index % CHUNK] = counters;
        let is_empty = |chunk: &Arc<Chunk>| chunk.iter().all(Option::is_none);
        while chunks.last().is_some_and(is_empty) {
            chunks.pop();
        }
        self.chunks.store(Arc::new(chunks));
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
