//! The client itself: the core, driven over the sockets and timers of a [`Runtime`].
//!
//! [`Runtime`]: trunkline_runtime::Runtime

mod client;
#[cfg(feature = "connect")]
mod connect;
mod connection;
mod driver;
mod files;
mod flight;
mod lookup;
mod pool;
mod socket;
mod wakers;

pub use self::client::Client;
pub use self::files::interface_index;
pub use self::lookup::{IpLookup, RecordLookup};
