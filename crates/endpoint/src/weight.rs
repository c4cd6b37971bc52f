//! The weight of an endpoint.

use crate::AttributeKey;

/// The attribute key of an endpoint's weight: its share of the load relative to the other
/// endpoints.
///
/// A policy takes an absent weight and a weight of 0 as 1; `static_weights` gives the weight 0 the
/// very small share of RFC 2782. A new weight never causes a new connection.
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::{Attributes, Endpoint, Weight};
///
/// let address: SocketAddr = "192.0.2.1:443".parse()?;
/// let endpoint = Endpoint::new([address]).with_attributes(Attributes::new().with::<Weight>(3));
/// assert_eq!(endpoint.attributes().get::<Weight>(), Some(&3));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub enum Weight {}

impl AttributeKey for Weight {
    type Value = u32;
    const NAME: &'static str = "weight";
    const IDENTIFIES_CONNECTION: bool = false;
}
