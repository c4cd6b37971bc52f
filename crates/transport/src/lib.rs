#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod call;
mod connection;
mod error;
mod frames;
mod io;
mod link;
mod source;
mod upload;
mod wire;

pub use crate::call::{Exchange, Incoming, IncomingFrame, Sent, Unsent};
pub use crate::connection::{Connection, HttpOptions, Lost, handshake};
pub use crate::error::{CallError, Fate, HandshakeError};
pub use crate::link::Link;
pub use crate::source::Replay;
pub use crate::upload::{Outgoing, Rest, Upload};
