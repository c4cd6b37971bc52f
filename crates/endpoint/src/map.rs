//! Maps whose keys are compared by identity.

// From the ground up: a module uses only those above it.
mod identity_map;

mod entry;
mod iter;

pub use self::entry::{Entry, OccupiedEntry, VacantEntry};
pub use self::identity_map::IdentityMap;
pub use self::iter::{IntoIter, Iter, IterMut, Keys, Values, ValuesMut};
use crate::{Address, Endpoint};

/// A map keyed by address. Two addresses with the same location, server name and identifying
/// attributes are one key; other attributes do not count.
pub type AddressMap<V> = IdentityMap<Address, V>;

/// A map keyed by endpoint. Two endpoints whose addresses have the same set of locations are one
/// key.
///
/// `[a, b]`, `[b, a]` and `[a, b, a]` are one key; attributes and server names do not count.
/// Looking up an endpoint of up to 8 addresses allocates nothing.
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::{Endpoint, EndpointMap};
///
/// let v4: SocketAddr = "192.0.2.1:443".parse()?;
/// let v6: SocketAddr = "[2001:db8::1]:443".parse()?;
/// let mut map = EndpointMap::new();
/// map.insert(Endpoint::new([v4, v6]), "one backend");
/// assert_eq!(map.get(&Endpoint::new([v6, v4])), Some(&"one backend"));
/// assert_eq!(map.get(&Endpoint::new([v4])), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
///
/// Source: [gRFC
/// A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
/// grpc-go's key is a multiset; this one is a set, as the gRFC requires.
pub type EndpointMap<V> = IdentityMap<Endpoint, V>;
