//! What the policies below a cluster were given.

use std::sync::Arc;

use trunkline_endpoint::Attributes;

use crate::core::ResolvedCluster;
use crate::core::same::same_cluster;

/// What the policies below a cluster were given, so that an equal update does not reach them again.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) cluster: Arc<ResolvedCluster>,
    pub(super) attributes: Attributes,
    pub(super) health_check: Option<Arc<str>>,
}

impl Applied {
    /// Returns whether an update with `other` would change nothing.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        same_cluster(&self.cluster, &other.cluster)
            && self.attributes == other.attributes
            && self.health_check == other.health_check
    }
}
