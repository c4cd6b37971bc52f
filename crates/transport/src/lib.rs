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

mod source;
mod upload;

mod call;
mod connection;

mod handshake;

pub use crate::call::{Exchange, Incoming, IncomingFrame, Sent, Unsent};
pub use crate::connection::Connection;
pub use crate::driver::ConnectionDriver;
pub use crate::error::{CallError, Fate, HandshakeError, HandshakeErrorKind, Lost, LostReason};
pub use crate::go_away::GoAway;
pub use crate::handshake::{HttpOptions, handshake};
pub use crate::source::Replay;
pub use crate::upload::{Outgoing, Rest, Upload};
