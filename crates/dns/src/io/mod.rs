//! The client itself: the core, driven over the sockets and timers of a [`Runtime`].
//!
//! [`Runtime`]: trunkline_runtime::Runtime

mod client;
mod lookup;

pub use self::client::Client;
pub use self::lookup::{IpLookup, SrvLookup, TxtLookup};
