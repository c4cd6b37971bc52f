#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod extensions;

mod core;

mod control;
mod shared;

mod call;

mod builder;
mod channel;

pub use crate::builder::ChannelBuilder;
pub use crate::call::body::Body;
pub use crate::channel::{Channel, ResponseFuture};
pub use crate::core::event::{ChannelEvent, Observer};
pub use crate::error::{BuildError, BuildErrorKind};
pub use crate::extensions::WaitForReady;
