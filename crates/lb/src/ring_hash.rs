//! The policy `ring_hash`.

mod attributes;
mod config;
mod factory;
mod lazy_child;
mod members;
mod picker;
mod policy;
mod requests;
mod ring;

pub use self::attributes::{HashKey, RequestHash};
pub use self::config::RingHashConfig;
pub use self::factory::RingHashFactory;
pub use self::policy::RingHash;
