//! `xds_cluster_impl_experimental`: drops, limits and counts the calls of one cluster.

mod backends;
mod config;
mod drops;

mod picker;

mod policy;

mod factory;

pub use self::config::ClusterImplConfig;
pub use self::factory::ClusterImplFactory;
pub use self::policy::ClusterImpl;
