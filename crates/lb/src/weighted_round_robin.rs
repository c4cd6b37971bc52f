//! The policy `weighted_round_robin`: endpoints in turn, in proportion to what they can do.

// From the ground up: a file uses those above it.
mod metric;

mod config;
mod schedule;

mod backend_weight;
mod connected;
mod picker;
mod ready;

mod policy;

mod factory;

pub use self::config::WeightedRoundRobinConfig;
pub use self::factory::WeightedRoundRobinFactory;
pub use self::metric::UtilizationMetric;
pub use self::policy::WeightedRoundRobin;
