//! What the addresses of a race are asked from.

use crate::Family;

/// A question whose answer brings addresses.
///
/// The order is that of RFC 8305 section 3: where nothing else decides, the addresses of an earlier
/// one go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressQuery {
    /// One question about all families, such as a call of `getaddrinfo`.
    All,
    /// The IPv6 addresses.
    Aaaa,
    /// The IPv4 addresses.
    A,
}

impl AddressQuery {
    /// The question that tells about this family alone.
    fn about(family: Family) -> Option<Self> {
        match family {
            Family::V4 => Some(Self::A),
            Family::V6 => Some(Self::Aaaa),
            Family::Other => None,
        }
    }
}

/// The questions that have no answer yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OpenQueries(u8);

impl OpenQueries {
    pub(super) fn new(queries: &[AddressQuery]) -> Self {
        let bits = queries.iter().map(|query| 1 << *query as u8);
        Self(bits.fold(0, |all, bit| all | bit))
    }

    pub(super) fn answered(&mut self, query: AddressQuery) {
        self.0 &= !(1 << query as u8);
    }

    pub(super) fn any(self) -> bool {
        self.0 != 0
    }

    /// Whether the question about this family is still open.
    pub(super) fn about(self, family: Family) -> bool {
        AddressQuery::about(family).is_some_and(|query| self.0 & (1 << query as u8) != 0)
    }
}
