//! The connections that calls can use, by subchannel.

use std::fmt;
use std::sync::Arc;

use http::uri::Authority;
use trunkline_connector::ConnectionInfo;
use trunkline_lb::SubchannelId;

/// The number of connections in one chunk of the table.
const CHUNK: usize = 64;

/// The connections of the subchannels that are READY, by [`SubchannelId::index`].
///
/// A clone shares all chunks with its original until one of them changes. A snapshot holds a clone,
/// so publishing one costs one `Arc` for every 64 connections.
pub(crate) struct Connections<C> {
    chunks: Vec<Chunk<C>>,
}

type Chunk<C> = Arc<[Option<Arc<ReadyConnection<C>>>; CHUNK]>;

/// The connection of one READY subchannel.
#[derive(Debug)]
pub(crate) struct ReadyConnection<C> {
    pub(crate) id: SubchannelId,
    pub(crate) connection: C,
    /// The authority of the address, if it has one.
    pub(crate) authority: Option<Authority>,
    /// What is known of the connection.
    pub(crate) info: ConnectionInfo,
}

impl<C> Connections<C> {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// Returns the connection of a subchannel.
    pub(crate) fn get(&self, id: SubchannelId) -> Option<&Arc<ReadyConnection<C>>> {
        let chunk = self.chunks.get(id.index() / CHUNK)?;
        let ready = chunk[id.index() % CHUNK].as_ref();
        ready.filter(|ready| ready.id == id)
    }

    /// Adds a connection. It replaces the one at its index, if there is one.
    pub(crate) fn insert(&mut self, ready: ReadyConnection<C>) {
        let at = ready.id.index();
        while self.chunks.len() <= at / CHUNK {
            self.chunks.push(Arc::new([const { None }; CHUNK]));
        }
        Arc::make_mut(&mut self.chunks[at / CHUNK])[at % CHUNK] = Some(Arc::new(ready));
    }

    /// Removes the connection of a subchannel, if it has one.
    pub(crate) fn remove(&mut self, id: SubchannelId) {
        if self.get(id).is_some() {
            Arc::make_mut(&mut self.chunks[id.index() / CHUNK])[id.index() % CHUNK] = None;
        }
    }

    /// Returns all connections, in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ReadyConnection<C>> {
        let connections = self.chunks.iter().flat_map(|chunk| chunk.iter());
        connections.filter_map(Option::as_deref)
    }
}

impl<C> Clone for Connections<C> {
    fn clone(&self) -> Self {
        Self {
            chunks: self.chunks.clone(),
        }
    }
}

impl<C> fmt::Debug for Connections<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.iter().map(|ready| ready.id);
        f.debug_list().entries(ids).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use trunkline_endpoint::Address;
    use trunkline_lb::Actions;

    use super::*;

    /// A clone keeps the connections of its time, and only a chunk that changed is copied.
    #[test]
    fn clones_share_what_does_not_change() {
        let mut actions = Actions::new();
        #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
        let mut control = actions.control(Instant::now());
        let mut ids = Vec::new();
        let mut connections = Connections::new();
        for port in 0..200 {
            let address = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
            let id = control.create_subchannel(address);
            ids.push(id);
            connections.insert(ReadyConnection {
                id,
                connection: port,
                authority: None,
                info: ConnectionInfo::new(
                    std::net::SocketAddr::from(([127, 0, 0, 1], port)).into(),
                ),
            });
        }
        let clone = connections.clone();
        connections.remove(ids[70]);
        let old = clone.get(ids[70]).map(|ready| ready.connection);
        assert_eq!(old, Some(70));
        assert!(connections.get(ids[70]).is_none());
        assert_eq!(connections.iter().count(), 199);
        let chunks = connections.chunks.iter().zip(&clone.chunks);
        let shared: Vec<bool> = chunks.map(|(one, other)| Arc::ptr_eq(one, other)).collect();
        assert_eq!(shared, [true, false, true, true]);
    }
}
