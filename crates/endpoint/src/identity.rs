//! What makes two map keys the same.

use std::hash::Hasher;

use crate::hash::of_locations;
use crate::{Address, Endpoint};

/// The identity by which an [`IdentityMap`](crate::IdentityMap) tells its keys apart, where it is
/// less than equality.
pub trait Identity {
    /// Whether both are the same key.
    fn same_identity(&self, other: &Self) -> bool;

    /// A number that is the same for the same keys, in every run.
    fn identity_hash(&self) -> u64;
}

/// An address is known by what a connection to it depends on: see
/// [`same_connection`](Address::same_connection).
impl Identity for Address {
    fn same_identity(&self, other: &Self) -> bool {
        self.same_connection(other)
    }

    fn identity_hash(&self) -> u64 {
        let mut mix = self.location().mix();
        if let Some(name) = self.server_name() {
            mix.write(name.as_bytes());
        }
        // Attribute values have equality alone: their keys must do.
        self.attributes().hash_connection_keys(&mut mix);
        mix.finish()
    }
}

/// An endpoint is known by the set of places of its addresses: see
/// [`same_addresses`](Endpoint::same_addresses).
impl Identity for Endpoint {
    fn same_identity(&self, other: &Self) -> bool {
        self.same_addresses(other)
    }

    fn identity_hash(&self) -> u64 {
        of_locations(self.addresses())
    }
}
