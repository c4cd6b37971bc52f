//! The attributes that ring_hash reads.

use std::sync::Arc;

use trunkline_endpoint::AttributeKey;

/// The attribute key of what places an endpoint on the ring of [`RingHash`](crate::RingHash), in
/// place of its first address.
///
/// With it, a backend that comes back with another address keeps its calls. An absent key and an
/// empty one mean the first address. A new value never causes a new connection.
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::{Attributes, Endpoint};
/// use trunkline_lb::HashKey;
///
/// let address: SocketAddr = "192.0.2.1:443".parse()?;
/// let attributes = Attributes::new().with::<HashKey>("shard-7".into());
/// let endpoint = Endpoint::new([address]).with_attributes(attributes);
/// assert_eq!(endpoint.attributes().get::<HashKey>().map(|key| &**key), Some("shard-7"));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
///
/// Source: [gRFC A76](https://github.com/grpc/proposal/blob/master/A76-ring-hash-improvements.md),
/// "Explicitly setting the endpoint hash key".
#[derive(Debug)]
pub enum HashKey {}

impl AttributeKey for HashKey {
    type Value = Arc<str>;
    const NAME: &'static str = "hash key";
    const IDENTIFIES_CONNECTION: bool = false;
}

/// The attribute key of a call's hash, which decides which endpoint of a
/// [`RingHash`](crate::RingHash) gets the call where its configuration names no header.
///
/// Calls with the same hash go to the same endpoint. The hash should be spread evenly over all
/// 64-bit numbers: gRPC takes XXH64 with the seed 0.
///
/// Source: [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md).
#[derive(Debug)]
pub enum RequestHash {}

impl AttributeKey for RequestHash {
    type Value = u64;
    const NAME: &'static str = "request hash";
    const IDENTIFIES_CONNECTION: bool = false;
}
