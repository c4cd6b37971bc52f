//! The zone of an endpoint.

use std::sync::Arc;

use crate::AttributeKey;

/// The attribute key of an endpoint's zone: the part of a region, such as an availability zone or a
/// data centre, in which calls are fast and cheap.
///
/// The policy `zone_aware` prefers the endpoints of the channel's own zone. A new zone never causes
/// a new connection.
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::{Attributes, Endpoint, Zone};
///
/// let address: SocketAddr = "192.0.2.1:443".parse()?;
/// let attributes = Attributes::new().with::<Zone>("europe-west1-b".into());
/// let endpoint = Endpoint::new([address]).with_attributes(attributes);
/// assert_eq!(endpoint.attributes().get::<Zone>().map(|zone| &**zone), Some("europe-west1-b"));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub enum Zone {}

impl AttributeKey for Zone {
    type Value = Arc<str>;
    const NAME: &'static str = "zone";
    const IDENTIFIES_CONNECTION: bool = false;
}
