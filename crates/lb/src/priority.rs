//! `priority_experimental` and `priority_groups`: the first child that works gets all calls.

mod config;
mod factory;
mod groups;
mod policy;
mod split;

pub use self::config::{PriorityChild, PriorityConfig};
pub use self::factory::{PriorityFactory, PriorityGroupsFactory};
pub use self::groups::PriorityGroupsConfig;
pub use self::policy::Priority;
