#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up; each room uses those above it in this list.

// What the application hands in and gets back.
mod error;
mod extensions;

// Decides: no runtime, lock or clock.
mod core;

// What the rooms below share.
mod observer;

mod grpc;
mod shared;

// The control path: one task a channel.
mod control;

// What the clones of a channel hold.
mod handle;

// The data path: each call.
mod call;

// The faces.
mod builder;
mod channel;

pub use crate::builder::ChannelBuilder;
pub use crate::call::body::Body;
pub use crate::channel::{Channel, ResponseFuture};
pub use crate::core::event::ChannelEvent;
pub use crate::core::failure::{
    ConnectFailure, ConnectFailureKind, ConnectPhase, ConnectionLost, ConnectionLostReason,
};
pub use crate::error::{BuildError, BuildErrorKind};
pub use crate::extensions::{CallAttributes, WaitForReady};
pub use crate::observer::{AttemptEnded, CallEnded, CallStarted, Observer};
