//! `cds_experimental`: the policies of one cluster.

mod applied;
mod config;
mod priority_names;

mod leaf;

mod policy;

mod factory;

pub use self::config::CdsConfig;
pub use self::factory::CdsFactory;
pub use self::policy::Cds;
