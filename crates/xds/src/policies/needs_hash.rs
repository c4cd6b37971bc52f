//! Which clusters need a hash of each call.

use std::any::Any;

use trunkline_lb::RingHashConfig;
use trunkline_service_config::PolicyChoice;

use super::wrr_locality::WrrLocalityConfig;
use crate::core::{ResolvedCluster, XdsConfig};

/// Returns whether the policy of a cluster picks by the attribute
/// [`RequestHash`](trunkline_lb::RequestHash) of a call: ring_hash does, where it names no header.
///
/// An aggregate cluster needs a hash if a cluster below it does. A cluster that is not in `config`
/// needs none.
#[must_use]
pub fn cluster_needs_hash(config: &XdsConfig, cluster: &str) -> bool {
    let Some(Ok(resolved)) = config.clusters.get(cluster) else {
        return false;
    };
    match &**resolved {
        ResolvedCluster::Leaf { cluster, .. } => needs_hash(&cluster.lb_policy),
        // A leaf is no aggregate, so this ends.
        ResolvedCluster::Aggregate { leaves, .. } => leaves.iter().any(|leaf| {
            let leaf = config
                .clusters
                .get(leaf)
                .and_then(|leaf| leaf.as_ref().ok());
            leaf.is_some_and(|leaf| match &**leaf {
                ResolvedCluster::Leaf { cluster, .. } => needs_hash(&cluster.lb_policy),
                ResolvedCluster::Aggregate { .. } => false,
            })
        }),
    }
}

fn needs_hash(choice: &PolicyChoice) -> bool {
    let config: &dyn Any = &*choice.config;
    if let Some(ring_hash) = config.downcast_ref::<RingHashConfig>() {
        return ring_hash.request_hash_header.is_none();
    }
    let localities = config.downcast_ref::<WrrLocalityConfig>();
    localities.is_some_and(|localities| needs_hash(&localities.child_policy))
}
