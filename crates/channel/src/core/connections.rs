//! The connections that calls can use, by subchannel.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::uri::Authority;
use trunkline_connector::ConnectionInfo;
use trunkline_lb::{SubchannelId, SubchannelTable};

/// The connections of the subchannels that are READY.
///
/// A snapshot holds a clone, which shares what does not change with the next ones.
pub(crate) struct Connections<C> {
    table: SubchannelTable<ReadySubchannel<C>>,
}

/// Identifies a connection of one channel, by the attempt that made it. An id is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The id before the first one.
    pub(crate) const START: Self = Self(0);

    /// Returns the id as a number: the first attempt of a channel has 1.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the next id.
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Prints the number of the connection: the first attempt of a channel has 1.
impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The connections of one READY subchannel: at least one, and the oldest first.
pub(crate) struct ReadySubchannel<C> {
    oldest: Arc<ReadyConnection<C>>,
    /// The others. Empty for most subchannels, and then nothing is allocated.
    younger: Vec<Arc<ReadyConnection<C>>>,
    /// The most that the policy lets it open; `None` for the channel's own number.
    most: Option<usize>,
}

/// One connection of a READY subchannel.
#[derive(Debug)]
pub(crate) struct ReadyConnection<C> {
    pub(crate) id: SubchannelId,
    pub(crate) connection_id: ConnectionId,
    /// If its attempt had failed, the next could have started then. The time also bounds the attempt
    /// after a connection that is lost unused.
    pub(crate) retry_at: Instant,
    pub(crate) connection: C,
    /// The authority of the address, if it has one.
    pub(crate) authority: Option<Authority>,
    /// What is known of the connection.
    pub(crate) info: ConnectionInfo,
}

impl<C> ReadySubchannel<C> {
    /// Returns the oldest connection.
    pub(crate) fn oldest(&self) -> &Arc<ReadyConnection<C>> {
        &self.oldest
    }

    /// Returns the number of connections.
    pub(crate) fn len(&self) -> usize {
        1 + self.younger.len()
    }

    /// Returns the most connections that it opens, where the channel opens `default`.
    pub(crate) fn most(&self, default: usize) -> usize {
        self.most.unwrap_or(default)
    }

    /// Returns the connections, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<ReadyConnection<C>>> {
        std::iter::once(&self.oldest).chain(&self.younger)
    }

    /// Returns the oldest connection that has room, as `has_room` decides; the oldest of all if none
    /// has.
    ///
    /// Source: gRFC A105: connections are looked at from the oldest to the newest.
    pub(crate) fn choose(&self, has_room: impl Fn(&C) -> bool) -> &Arc<ReadyConnection<C>> {
        if self.younger.is_empty() {
            return &self.oldest;
        }
        let mut connections = self.iter();
        let found = connections.find(|ready| has_room(&ready.connection));
        found.unwrap_or(&self.oldest)
    }

    /// Returns the connection with this id.
    pub(crate) fn find(&self, id: ConnectionId) -> Option<&Arc<ReadyConnection<C>>> {
        self.iter().find(|ready| ready.connection_id == id)
    }

    /// Returns the subchannel without this connection; `None` if no other is left.
    fn without(&self, id: ConnectionId) -> Option<Self> {
        let mut left = self.iter().filter(|ready| ready.connection_id != id);
        let oldest = Arc::clone(left.next()?);
        let younger = left.cloned().collect();
        Some(Self {
            oldest,
            younger,
            most: self.most,
        })
    }
}

impl<C> Connections<C> {
    pub(crate) fn new() -> Self {
        Self {
            table: SubchannelTable::new(),
        }
    }

    /// Returns the connections of a subchannel, if it has any.
    pub(crate) fn get(&self, id: SubchannelId) -> Option<&ReadySubchannel<C>> {
        self.table.get(id)
    }

    /// Returns the number of connections of a subchannel.
    pub(crate) fn count(&self, id: SubchannelId) -> usize {
        self.get(id).map_or(0, ReadySubchannel::len)
    }

    /// Adds a connection, the youngest of its subchannel. It replaces those of another subchannel at
    /// its index, if there is one. `most` is how many connections the policy lets the subchannel open.
    pub(crate) fn insert(&mut self, ready: ReadyConnection<C>, most: Option<usize>) {
        let id = ready.id;
        let ready = Arc::new(ready);
        if let Some(own) = self.table.get_mut(id) {
            own.younger.push(ready);
        } else {
            let own = ReadySubchannel {
                oldest: ready,
                younger: Vec::new(),
                most,
            };
            self.table.insert(id, own);
        }
    }

    /// Sets how many connections the policy lets a subchannel open, if it has any.
    pub(crate) fn limit(&mut self, id: SubchannelId, most: Option<usize>) {
        if let Some(own) = self.table.get_mut(id) {
            own.most = most;
        }
    }

    /// Removes one connection of a subchannel, if it has that.
    pub(crate) fn remove_one(&mut self, id: SubchannelId, connection: ConnectionId) {
        let Some(own) = self.table.get_mut(id) else {
            return;
        };
        match own.without(connection) {
            Some(left) => *own = left,
            None => self.remove(id),
        }
    }

    /// Removes the connections of a subchannel, if it has any.
    pub(crate) fn remove(&mut self, id: SubchannelId) {
        self.table.remove(id);
    }

    /// Returns the subchannels that have connections, in the order of their indices.
    pub(crate) fn subchannels(&self) -> impl Iterator<Item = &ReadySubchannel<C>> {
        self.table.iter().map(|(_, ready)| ready)
    }

    /// Returns all connections, in the order of their subchannels' indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ReadyConnection<C>> {
        let connections = self.subchannels().flat_map(ReadySubchannel::iter);
        connections.map(|ready| &**ready)
    }
}

impl<C> Clone for ReadySubchannel<C> {
    fn clone(&self) -> Self {
        Self {
            oldest: Arc::clone(&self.oldest),
            younger: self.younger.clone(),
            most: self.most,
        }
    }
}

impl<C> Clone for Connections<C> {
    fn clone(&self) -> Self {
        Self {
            table: self.table.clone(),
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
    use trunkline_endpoint::Address;
    use trunkline_lb::Actions;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
    fn base() -> Instant {
        Instant::now()
    }

    fn ready(id: SubchannelId, connection: u64, port: u16) -> ReadyConnection<u16> {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        ReadyConnection {
            id,
            connection_id: ConnectionId(connection),
            retry_at: base(),
            connection: port,
            authority: None,
            info: ConnectionInfo::new(address.into()),
        }
    }

    /// Returns the ids of this many new subchannels.
    fn ids(count: u16) -> Vec<SubchannelId> {
        let mut actions = Actions::new();
        let mut control = actions.control(base());
        let address = |port| Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
        let create = |port| control.create_subchannel(address(port));
        (0..count).map(create).collect()
    }

    /// A clone keeps the connections of its time.
    #[test]
    fn clones_keep_their_connections() {
        let ids = ids(200);
        let mut connections = Connections::new();
        for (id, port) in ids.iter().zip(0..) {
            connections.insert(ready(*id, u64::from(port), port), None);
        }
        let clone = connections.clone();
        connections.remove(ids[70]);
        let old = clone.get(ids[70]).map(|ready| ready.oldest.connection);
        assert_eq!(old, Some(70));
        assert!(connections.get(ids[70]).is_none());
        assert_eq!(connections.iter().count(), 199);
    }

    /// The oldest connection with room is chosen, and the oldest of all if none has room. When the
    /// oldest is removed, the next one takes its place. (gRFC A105)
    #[test]
    fn the_oldest_connection_with_room_is_chosen() {
        let id = ids(1)[0];
        let mut connections = Connections::new();
        for (connection, port) in [(1, 10), (2, 20), (3, 30)] {
            connections.insert(ready(id, connection, port), None);
        }
        let choose = |connections: &Connections<u16>, full: &[u16]| {
            let ready = connections.get(id).expect("connections");
            ready.choose(|port| !full.contains(port)).connection
        };
        assert_eq!(choose(&connections, &[]), 10);
        assert_eq!(choose(&connections, &[10]), 20);
        assert_eq!(choose(&connections, &[10, 20, 30]), 10);
        connections.remove_one(id, ConnectionId(1));
        assert_eq!(choose(&connections, &[]), 20);
        assert_eq!(
            (connections.count(id), choose(&connections, &[20])),
            (2, 30)
        );
        connections.remove_one(id, ConnectionId(3));
        connections.remove_one(id, ConnectionId(2));
        assert!(connections.get(id).is_none());
    }
}
