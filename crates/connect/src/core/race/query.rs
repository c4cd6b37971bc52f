//! The queries that bring the addresses of a race.

use crate::Family;

/// A query whose answer brings addresses.
///
/// The order is that of RFC 8305 section 3: of addresses that are equal otherwise, those of the
/// smaller query go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressQuery {
    /// One query for all families, such as a call of `getaddrinfo`.
    All,
    /// The query for IPv6 addresses.
    Aaaa,
    /// The query for IPv4 addresses.
    A,
}

impl AddressQuery {
    /// Returns the query for the addresses of this family alone.
    fn for_family(family: Family) -> Option<Self> {
        match family {
            Family::V4 => Some(Self::A),
            Family::V6 => Some(Self::Aaaa),
            Family::Other => None,
        }
    }
}

/// The queries that have no answer yet, one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OpenQueries(u8);

impl OpenQueries {
    pub(super) fn new(queries: &[AddressQuery]) -> Self {
        let bits = queries.iter().map(|query| 1 << *query as u8);
        Self(bits.fold(0, |all, bit| all | bit))
    }

    /// Removes a query that was answered.
    pub(super) fn close(&mut self, query: AddressQuery) {
        self.0 &= !(1 << query as u8);
    }

    /// True while a query has no answer.
    pub(super) fn any(self) -> bool {
        self.0 != 0
    }

    /// True while the query for this family alone has no answer.
    pub(super) fn is_open_for(self, family: Family) -> bool {
        AddressQuery::for_family(family).is_some_and(|query| self.0 & (1 << query as u8) != 0)
    }
}
