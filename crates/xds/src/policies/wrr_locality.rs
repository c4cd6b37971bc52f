//! `xds_wrr_locality_experimental`: calls are shared among localities by weight.

mod config;
mod policy;

mod factory;

pub use self::config::WrrLocalityConfig;
pub use self::factory::WrrLocalityFactory;
pub use self::policy::WrrLocality;
