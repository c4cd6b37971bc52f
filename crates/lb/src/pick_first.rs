//! The policy `pick_first`: one connection, to the first address that works.

// What the policy stores.
mod address_list;
mod address_order;
mod config;
mod failures;

// Its state, and the steps that every event shares.
mod state;

// The health check of the selected address, and the pass over the addresses.
mod health;
mod pass;

// How it handles events.
mod policy;

mod factory;

pub use self::config::PickFirstConfig;
pub use self::factory::PickFirstFactory;
pub use self::state::PickFirst;
