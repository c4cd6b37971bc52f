//! The shell: clients of control planes, and the resolver of `xds:` targets.

// From the ground up: a module uses only those above it.

// One stream to one server.
mod requests;
mod stream;

// The channel below it.
mod link;

// What watches and what is watched.
mod inbox;

mod client;
mod client_task;

mod pool;

pub use self::pool::{ClientDump, XdsPool};
