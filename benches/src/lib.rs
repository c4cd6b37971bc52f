//! Code that the benchmarks share.

pub mod allocations;
pub mod child;
pub mod policies;
