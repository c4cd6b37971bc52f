//! The locality of an endpoint, for policies.

use std::sync::Arc;

use trunkline_endpoint::AttributeKey;

use crate::core::resources::LocalityName;

/// The locality of an endpoint, and its share of the calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalityShare {
    /// The locality.
    pub name: Arc<LocalityName>,
    /// Its weight among the localities of the same priority; at least 1.
    pub weight: u32,
}

/// The attribute key of the locality of an endpoint: `cds_experimental` sets it, and the policies
/// below share and count calls by it.
#[derive(Debug)]
pub enum EndpointLocality {}

impl AttributeKey for EndpointLocality {
    type Value = LocalityShare;
    const NAME: &'static str = "locality share";
    const IDENTIFIES_CONNECTION: bool = false;
}
