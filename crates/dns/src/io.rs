//! The client itself: the core, driven over the sockets and timers of a [`Runtime`].
//!
//! A caller that waits for a lookup drives it. Two kinds of work have a task: a probe of a server
//! that had failed, and an open TCP connection.
//!
//! [`Runtime`]: trunkline_runtime::Runtime

// From the ground up: a module uses only those above it.

// Files of the configuration; the wakers of all callers that wait for one lookup.
mod files;
mod wakers;

// Sockets that lookups share.
mod tcp;
mod udp;

// All shared sockets of a client; one socket of a lookup.
mod lookup_socket;
mod pool;

// A lookup with its sockets and its timer.
mod driver;

// A lookup that several callers wait for.
mod flight;

// What the clones of a client share.
mod shared;

// One caller that waits for a lookup.
mod waiter;

// The futures that callers poll.
mod lookup;

mod client;

#[cfg(feature = "connect")]
mod connect;

pub use self::client::Client;
pub use self::lookup::{IpLookup, RecordLookup};
