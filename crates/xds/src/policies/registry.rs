//! The policies by name.

use trunkline_lb::PolicyRegistry;

use super::cds::CdsFactory;
use super::cluster_impl::ClusterImplFactory;
use super::cluster_manager::ClusterManagerFactory;
use super::counters::ClusterCounters;
use super::wrr_locality::WrrLocalityFactory;

/// Returns the policies of this module, without those of other crates that they need below them.
///
/// `counters` are shared by all channels of a pool.
///
/// ```
/// use trunkline_lb::PolicyRegistry;
/// use trunkline_xds::policies::{ClusterCounters, registry};
///
/// let mut policies = PolicyRegistry::standard();
/// policies.merge(registry(&ClusterCounters::new()));
/// assert!(policies.get("xds_cluster_manager_experimental").is_some());
/// ```
#[must_use]
pub fn registry(counters: &ClusterCounters) -> PolicyRegistry {
    PolicyRegistry::empty()
        .with(ClusterManagerFactory)
        .with(CdsFactory::new())
        .with(ClusterImplFactory::new(counters.clone()))
        .with(WrrLocalityFactory)
}
