//! The names of policies in a service config.

pub(super) const CDS: &str = "cds_experimental";
pub(super) const CLUSTER_IMPL: &str = "xds_cluster_impl_experimental";
pub(super) const CLUSTER_MANAGER: &str = "xds_cluster_manager_experimental";
pub(super) const WRR_LOCALITY: &str = "xds_wrr_locality_experimental";

// Those of the crate `trunkline-lb`.
pub(super) const OUTLIER_DETECTION: &str = "outlier_detection_experimental";
pub(super) const PRIORITY: &str = "priority_experimental";
pub(super) const WEIGHTED_TARGET: &str = "weighted_target_experimental";
