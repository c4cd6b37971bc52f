//! The load-balancing policies that only xDS needs, from the clusters of routes down to localities.
//!
//! ```text
//! xds_cluster_manager ─> cds (leaf)      ─> outlier_detection ─> xds_cluster_impl ─> priority
//!                                                  ─> [xds_wrr_locality ─> weighted_target ─>] policy
//!                     ─> cds (aggregate) ─> priority ─> cds (leaf) .. one for each leaf
//! ```
//!
//! A policy gets its part of the [`XdsConfig`](crate::core::XdsConfig) of the resolution, which is in
//! the attributes of each update.
//!
//! Source: section "tree" of [gRFC A75](https://github.com/grpc/proposal/blob/master/A75-xds-aggregate-cluster-behavior-fixes.md).

// From the ground up: a file uses those above it, never those below.

// What is counted of calls.
mod active_faults;
mod counters;
mod load_store;
mod load_stores;

// What several policies share.
mod address_facts;
mod locality;
mod names;

// The policies.
mod cds;
mod cluster_impl;
mod cluster_manager;
mod wrr_locality;

mod needs_hash;
mod registry;

pub use self::active_faults::FaultCount;
pub use self::address_facts::SecuredBy;
pub use self::cds::{Cds, CdsConfig, CdsFactory};
pub use self::cluster_impl::{ClusterImpl, ClusterImplConfig, ClusterImplFactory};
pub use self::cluster_manager::{ClusterManager, ClusterManagerConfig, ClusterManagerFactory};
pub use self::counters::ClusterCounters;
pub use self::load_store::LoadStore;
pub use self::load_stores::{LoadStores, LoadStoresKey};
pub use self::locality::{EndpointLocality, LocalityShare};
pub use self::needs_hash::cluster_needs_hash;
pub use self::registry::registry;
pub use self::wrr_locality::{WrrLocality, WrrLocalityConfig, WrrLocalityFactory};
