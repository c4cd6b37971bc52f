#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.

// What goes by on a connection, and the facts that are read from it.
mod go_away;

mod frames;
mod state;

mod error;

// What is between h2 and the stream.
mod wire;

mod compat;

// One connection.
mod driver;

mod replay;

mod upload;

mod response;

mod connection;

mod handshake;

pub use crate::connection::{Connection, Sent};
pub use crate::driver::ConnectionDriver;
pub use crate::error::{CallError, Fate, HandshakeError, HandshakeErrorKind, Lost, LostReason};
pub use crate::go_away::GoAway;
pub use crate::handshake::{HttpOptions, handshake};
pub use crate::replay::RequestBody;
pub use crate::response::{Incoming, IncomingFrame, ResponseHead};
pub use crate::upload::Upload;
