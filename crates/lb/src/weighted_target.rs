//! `weighted_target_experimental`: calls go to named children, each with its share.

mod config;
mod factory;
mod kept;
mod policy;

pub use self::config::{WeightedTargetConfig, WeightedTargetEntry};
pub use self::factory::WeightedTargetFactory;
pub use self::policy::WeightedTarget;
