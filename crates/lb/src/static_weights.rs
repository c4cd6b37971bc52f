//! `static_weights`: endpoints share calls in proportion to the weights that the resolver gives them.

mod factory;
mod picker;
mod policy;

pub use self::factory::{StaticWeightsConfig, StaticWeightsFactory};
pub use self::policy::StaticWeights;
