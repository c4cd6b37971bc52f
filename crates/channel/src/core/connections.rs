//! Connections by subchannel.

use std::fmt;
use std::sync::Arc;

use http::uri::Authority;
use trunkline_lb::SubchannelId;

/// How many connections one piece of the table holds.
const PIECE: usize = 64;

/// The connections that stand, by [`SubchannelId::index`].
///
/// A copy shares all pieces with the table that it was made of, until one of them changes: callers
/// are shown a copy each time that something changes, and that costs one `Arc` for every 64
/// connections.
pub(crate) struct Slots<C> {
    pieces: Vec<Piece<C>>,
}

type Piece<C> = Arc<[Option<Arc<Slot<C>>>; PIECE]>;

/// One connection.
#[derive(Debug)]
pub(crate) struct Slot<C> {
    pub(crate) id: SubchannelId,
    pub(crate) connection: C,
    pub(crate) authority: Option<Authority>,
}

impl<C> Slots<C> {
    /// Without a connection.
    pub(crate) fn new() -> Self {
        Self { pieces: Vec::new() }
    }

    /// The connection of a subchannel.
    pub(crate) fn get(&self, id: SubchannelId) -> Option<&Slot<C>> {
        let piece = self.pieces.get(id.index() / PIECE)?;
        let slot = piece[id.index() % PIECE].as_deref();
        slot.filter(|slot| slot.id == id)
    }

    /// Files a connection, in the place of what was at its index.
    pub(crate) fn insert(&mut self, slot: Slot<C>) {
        let at = slot.id.index();
        while self.pieces.len() <= at / PIECE {
            self.pieces.push(Arc::new([const { None }; PIECE]));
        }
        Arc::make_mut(&mut self.pieces[at / PIECE])[at % PIECE] = Some(Arc::new(slot));
    }

    /// Takes the connection of a subchannel away.
    pub(crate) fn remove(&mut self, id: SubchannelId) {
        if self.get(id).is_some() {
            Arc::make_mut(&mut self.pieces[id.index() / PIECE])[id.index() % PIECE] = None;
        }
    }

    /// All connections.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot<C>> {
        let slots = self.pieces.iter().flat_map(|piece| piece.iter());
        slots.filter_map(Option::as_deref)
    }
}

impl<C> Clone for Slots<C> {
    fn clone(&self) -> Self {
        Self {
            pieces: self.pieces.clone(),
        }
    }
}

impl<C> fmt::Debug for Slots<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.iter().map(|slot| slot.id);
        f.debug_list().entries(ids).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use trunkline_endpoint::Address;
    use trunkline_lb::Actions;

    use super::*;

    /// A copy shows what was so when it was made, and only a piece that changed is made anew.
    #[test]
    fn copies_share_what_stays() {
        let mut actions = Actions::new();
        #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
        let mut control = actions.control(Instant::now());
        let mut ids = Vec::new();
        let mut slots = Slots::new();
        for port in 0..200 {
            let address = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
            let id = control.create_subchannel(address);
            ids.push(id);
            slots.insert(Slot {
                id,
                connection: port,
                authority: None,
            });
        }
        let copy = slots.clone();
        slots.remove(ids[70]);
        assert_eq!(copy.get(ids[70]).map(|slot| slot.connection), Some(70));
        assert!(slots.get(ids[70]).is_none());
        assert_eq!(slots.iter().count(), 199);
        let pieces = slots.pieces.iter().zip(&copy.pieces);
        let shared: Vec<bool> = pieces.map(|(one, other)| Arc::ptr_eq(one, other)).collect();
        assert_eq!(shared, [true, false, true, true]);
    }
}
