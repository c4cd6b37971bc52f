//! What the policies below a cluster were given.

use std::sync::Arc;

use trunkline_endpoint::Attributes;

use crate::core::{LeafEndpoints, ResolvedCluster};

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
        is_same_cluster(&self.cluster, &other.cluster)
            && self.attributes == other.attributes
            && self.health_check == other.health_check
    }
}

/// Compares clusters. What two configurations share is not looked at.
fn is_same_cluster(one: &Arc<ResolvedCluster>, other: &Arc<ResolvedCluster>) -> bool {
    fn same<T: PartialEq>(one: &Arc<T>, other: &Arc<T>) -> bool {
        Arc::ptr_eq(one, other) || one == other
    }
    if Arc::ptr_eq(one, other) {
        return true;
    }
    match (&**one, &**other) {
        (
            ResolvedCluster::Leaf {
                cluster,
                endpoints: LeafEndpoints::Eds(endpoints),
                note,
            },
            ResolvedCluster::Leaf {
                cluster: other_cluster,
                endpoints: LeafEndpoints::Eds(other_endpoints),
                note: other_note,
            },
        ) => note == other_note && same(cluster, other_cluster) && same(endpoints, other_endpoints),
        (one, other) => one == other,
    }
}
