//! Code that the benchmarks share.
//!
//! What they measure with: [`allocations`], [`memory`], [`usage`], [`strace`], [`statistics`]. How
//! they speak with their processes: [`child`], [`protocol`]. Those in Go: [`go`]. How they report: [`machine`],
//! [`results`], [`text`], [`publish`].

pub mod allocations;
pub mod atomics;
pub mod child;
pub mod driver;
pub mod go;
pub mod machine;
pub mod memory;
pub mod policies;
pub mod protocol;
pub mod publish;
pub mod results;
pub mod statistics;
pub mod strace;
pub mod text;
pub mod usage;
