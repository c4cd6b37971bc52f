//! Code that the benchmarks share.

pub mod allocations;
pub mod atomics;
pub mod child;
pub mod driver;
pub mod memory;
pub mod policies;
pub mod protocol;
