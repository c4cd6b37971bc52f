//! How much of the load an endpoint is meant to get.

use trunkline_endpoint::AttributeKey;

/// The attribute of an endpoint that says how much of the load it is meant to get, beside the
/// other endpoints: 1 where it is absent, and where it is 0.
///
/// A change of weight never makes a new connection.
#[derive(Debug)]
pub enum EndpointWeight {}

impl AttributeKey for EndpointWeight {
    type Value = u32;
    const NAME: &'static str = "weight";
    const IDENTIFIES_CONNECTION: bool = false;
}
