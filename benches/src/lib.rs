//! Code that the benchmarks share.
//!
//! What they measure with: [`allocations`], [`memory`], [`clock`], [`usage`], [`sockets`], [`strace`],
//! [`statistics`], [`budget`], [`turns`], [`contest`], [`runs`]. How they speak with their processes:
//! [`child`], [`protocol`]. Those in Go: [`go`]. How they report: [`machine`], [`versions`], [`results`],
//! [`text`], [`publish`].

pub mod allocations;
pub mod atomics;
pub mod budget;
pub mod child;
pub mod clock;
pub mod contest;
pub mod driver;
pub mod go;
pub mod machine;
pub mod memory;
pub mod policies;
pub mod protocol;
pub mod publish;
pub mod results;
pub mod runs;
pub mod sockets;
pub mod statistics;
pub mod strace;
pub mod text;
pub mod turns;
pub mod usage;
pub mod versions;
