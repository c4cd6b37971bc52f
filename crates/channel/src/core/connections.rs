//! The connections that calls can use, by the subchannel that a pick returns.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::uri::Authority;
use trunkline_connector::ConnectionInfo;
use trunkline_lb::{SubchannelId, SubchannelTable};

use crate::core::holds::HoldId;

/// The connections of the subchannels that are READY, for each of their holds.
///
/// A snapshot holds a clone, which shares what does not change with the next ones.
pub(crate) struct Connections<C> {
    by_hold: SubchannelTable<ReadySubchannel<C>>,
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
    /// The most that the policy of the hold lets it open; `None` for the channel's own number.
    most: Option<usize>,
}

/// One connection of a READY subchannel.
#[derive(Debug)]
pub(crate) struct ReadyConnection<C> {
    /// The subchannel.
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
    /// Returns a subchannel with its first connection.
    pub(crate) fn new(oldest: ReadyConnection<C>) -> Self {
        Self {
            oldest: Arc::new(oldest),
            younger: Vec::new(),
            most: None,
        }
    }

    /// Adds a connection, the youngest.
    pub(crate) fn push(&mut self, ready: ReadyConnection<C>) {
        self.younger.push(Arc::new(ready));
    }

    /// Returns the same connections for a hold whose policy lets the subchannel open `most`.
    pub(crate) fn with_most(&self, most: Option<usize>) -> Self {
        Self {
            most,
            ..self.clone()
        }
    }

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
    pub(crate) fn without(&self, id: ConnectionId) -> Option<Self> {
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
            by_hold: SubchannelTable::new(),
        }
    }

    /// Returns the connections of a hold, if it has any.
    pub(crate) fn get(&self, hold: HoldId) -> Option<&ReadySubchannel<C>> {
        self.by_hold.get(hold)
    }

    /// Sets the connections of a hold.
    pub(crate) fn insert(&mut self, hold: HoldId, ready: ReadySubchannel<C>) {
        self.by_hold.insert(hold, ready);
    }

    /// Removes the connections of a hold, and returns true if it had any.
    pub(crate) fn remove(&mut self, hold: HoldId) -> bool {
        self.by_hold.remove(hold).is_some()
    }

    /// Returns one connection of a subchannel.
    ///
    /// One look-up for a subchannel that has a hold of the same id, as most have until the policy changes.
    /// Otherwise the time grows with the number of connections.
    pub(crate) fn find(
        &self,
        id: SubchannelId,
        connection: ConnectionId,
    ) -> Option<&ReadyConnection<C>> {
        // Another subchannel may have the hold of this id, but not this connection.
        let own = self.get(id).and_then(|own| own.find(connection));
        if let Some(ready) = own {
            return Some(ready);
        }
        let is_it =
            |ready: &&ReadyConnection<C>| ready.connection_id == connection && ready.id == id;
        self.iter().find(is_it)
    }

    /// Returns the connections of each hold that has any, in the order of their indices.
    pub(crate) fn subchannels(&self) -> impl Iterator<Item = &ReadySubchannel<C>> {
        self.by_hold.iter().map(|(_, ready)| ready)
    }

    /// Returns all connections, in the order of the holds' indices. One that has several holds comes for
    /// each.
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
            by_hold: self.by_hold.clone(),
        }
    }
}

impl<C> fmt::Debug for ReadySubchannel<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.iter().map(|ready| ready.connection_id);
        f.debug_list().entries(ids).finish()
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

    /// Returns the connections of one subchannel, by their ports, the oldest first.
    fn subchannel(id: SubchannelId, connections: &[(u64, u16)]) -> ReadySubchannel<u16> {
        let mut connections = connections.iter();
        let (first, port) = connections.next().expect("a connection");
        let mut own = ReadySubchannel::new(ready(id, *first, *port));
        for (connection, port) in connections {
            own.push(ready(id, *connection, *port));
        }
        own
    }

    /// A clone keeps the connections of its time.
    #[test]
    fn clones_keep_their_connections() {
        let ids = ids(200);
        let mut connections = Connections::new();
        for (id, port) in ids.iter().zip(0..) {
            connections.insert(*id, subchannel(*id, &[(u64::from(port), port)]));
        }
        let clone = connections.clone();
        assert!(connections.remove(ids[70]));
        let old = clone.get(ids[70]).map(|ready| ready.oldest.connection);
        assert_eq!(old, Some(70));
        assert!(connections.get(ids[70]).is_none());
        assert_eq!(connections.iter().count(), 199);
    }

    /// A connection is found by its subchannel, whatever the ids of the holds are.
    #[test]
    fn a_connection_is_found_by_its_subchannel() {
        let ids = ids(4);
        let mut connections = Connections::new();
        let (own, shared) = (
            subchannel(ids[0], &[(1, 10)]),
            subchannel(ids[1], &[(2, 20)]),
        );
        connections.insert(ids[0], own);
        connections.insert(ids[2], shared.clone());
        connections.insert(ids[3], shared);
        let port =
            |id, connection| Some(connections.find(id, ConnectionId(connection))?.connection);
        assert_eq!(port(ids[0], 1), Some(10));
        assert_eq!(port(ids[1], 2), Some(20));
        assert_eq!(port(ids[0], 2), None);
        assert_eq!(port(ids[1], 3), None);
    }

    /// The oldest connection with room is chosen, and the oldest of all if none has room. When the
    /// oldest is removed, the next one takes its place. (gRFC A105)
    #[test]
    fn the_oldest_connection_with_room_is_chosen() {
        let own = subchannel(ids(1)[0], &[(1, 10), (2, 20), (3, 30)]);
        let choose = |own: &ReadySubchannel<u16>, full: &[u16]| {
            own.choose(|port| !full.contains(port)).connection
        };
        assert_eq!(choose(&own, &[]), 10);
        assert_eq!(choose(&own, &[10]), 20);
        assert_eq!(choose(&own, &[10, 20, 30]), 10);
        let own = own.without(ConnectionId(1)).expect("two are left");
        assert_eq!(choose(&own, &[]), 20);
        assert_eq!((own.len(), choose(&own, &[20])), (2, 30));
        let own = own.without(ConnectionId(3)).expect("one is left");
        assert!(own.without(ConnectionId(2)).is_none());
    }
}
