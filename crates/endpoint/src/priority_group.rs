//! The priority of an endpoint.

use crate::AttributeKey;

/// The attribute key of an endpoint's priority: endpoints with the same number are a group, and the
/// group with the lowest number is used first. The others are for the time in which all of that
/// group fails.
///
/// The scheme `srv` sets it to the priority of the SRV record. A channel whose endpoints have it
/// runs its policy in each group, and uses the first group that works. A new number never causes a
/// new connection.
///
/// Source: [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782).
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::{Attributes, Endpoint, PriorityGroup};
///
/// let address: SocketAddr = "192.0.2.1:443".parse()?;
/// let reserve = Attributes::new().with::<PriorityGroup>(20);
/// let endpoint = Endpoint::new([address]).with_attributes(reserve);
/// assert_eq!(endpoint.attributes().get::<PriorityGroup>(), Some(&20));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub enum PriorityGroup {}

impl AttributeKey for PriorityGroup {
    type Value = u32;
    const NAME: &'static str = "priority";
    const IDENTIFIES_CONNECTION: bool = false;
}
