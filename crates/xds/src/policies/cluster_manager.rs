//! `xds_cluster_manager_experimental`: a child for each cluster that a route can choose.

mod config;
mod picker;

mod policy;

mod factory;

pub use self::config::ClusterManagerConfig;
pub use self::factory::ClusterManagerFactory;
pub use self::policy::ClusterManager;
