//! What the clients of the benchmark `rpc` in Rust share: the lines of the protocol, the load, and
//! the figures. `benches/README.md` describes what a client does.
//!
//! An implementation of gRPC is a [`Peer`]; [`serve`](serve::serve) does the rest.

#[path = "../../../../src/allocations.rs"]
pub mod allocations;
#[path = "../../../../src/protocol.rs"]
pub mod protocol;

pub mod peer;
#[cfg(feature = "tokio")]
pub mod tokio_callers;

mod load;
mod resident;
mod rounds;
mod usage;

pub mod serve;
