//! The policy `random_subsetting`.

mod config;
mod factory;
mod policy;
mod subset;

pub use self::config::RandomSubsettingConfig;
pub use self::factory::RandomSubsettingFactory;
pub use self::policy::RandomSubsetting;
