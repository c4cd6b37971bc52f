//! The policy `round_robin`: every endpoint in turn.

mod factory;
mod picker;
mod policy;

pub use self::factory::{RoundRobinConfig, RoundRobinFactory};
pub use self::policy::RoundRobin;
