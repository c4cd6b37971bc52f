//! The identity of map keys.

use std::hash::Hasher;

use crate::hash::of_locations;
use crate::{Address, Endpoint};

/// The comparison that an [`IdentityMap`](crate::IdentityMap) uses for its keys. Keys that are not
/// equal may have the same identity.
///
/// # Examples
///
/// ```
/// use trunkline_endpoint::{Identity, IdentityMap};
///
/// /// A host name, in any letter case.
/// #[derive(Debug)]
/// struct Host(&'static str);
///
/// impl Identity for Host {
///     fn same_identity(&self, other: &Self) -> bool {
///         self.0.eq_ignore_ascii_case(other.0)
///     }
///
///     fn identity_hash(&self) -> u64 {
///         let bytes = self.0.bytes().map(|byte| u64::from(byte.to_ascii_lowercase()));
///         bytes.fold(7, |hash, byte| hash.wrapping_mul(31) ^ byte)
///     }
/// }
///
/// let mut calls = IdentityMap::new();
/// calls.insert(Host("Orders"), 1);
/// calls.insert(Host("orders"), 2);
/// assert_eq!(calls.len(), 1);
/// ```
pub trait Identity {
    /// True when both are the same key.
    fn same_identity(&self, other: &Self) -> bool;

    /// Returns a hash: the same number for the same keys, in every run.
    fn identity_hash(&self) -> u64;
}

/// Two addresses are the same key if they have the
/// [same connection](Address::same_connection).
impl Identity for Address {
    fn same_identity(&self, other: &Self) -> bool {
        self.same_connection(other)
    }

    fn identity_hash(&self) -> u64 {
        let mut mix = self.location().mix();
        if let Some(name) = self.server_name() {
            mix.write(name.as_bytes());
        }
        // Attribute values have no hash, so only their keys are hashed.
        self.attributes().hash_connection_keys(&mut mix);
        mix.finish()
    }
}

/// Two endpoints are the same key if they have the [same addresses](Endpoint::same_addresses).
impl Identity for Endpoint {
    fn same_identity(&self, other: &Self) -> bool {
        self.same_addresses(other)
    }

    fn identity_hash(&self) -> u64 {
        of_locations(self.addresses())
    }
}
