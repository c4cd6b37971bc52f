#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod attempt;
mod body;
mod builder;
mod call;
mod channel;
mod connector;
mod control;
mod core;
mod deadline;
mod error;
mod event;
mod extensions;
mod shared;
mod slots;
mod snapshot;

pub use crate::body::Body;
pub use crate::builder::ChannelBuilder;
pub use crate::channel::{Channel, ResponseFuture};
pub use crate::error::{BuildError, BuildErrorKind};
pub use crate::event::{ChannelEvent, Observer};
pub use crate::extensions::WaitForReady;
