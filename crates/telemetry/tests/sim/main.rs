//! The metrics of channels in virtual time over a simulated network.

// What the tests share.
mod world;

// The tests.
mod allocations;
mod balance;
mod calls;
mod connections;
mod custom;
mod instruments;
mod labels;
mod lookups;
mod methods;
mod policies;
mod retries;
mod tls;
