//! The last list of the resolver.

use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::Endpoint;

/// The last list of the resolver.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) endpoints: Arc<[Endpoint]>,
    pub(crate) note: Arc<str>,
    pub(crate) at: Instant,
}
