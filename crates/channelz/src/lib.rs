#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a group uses only the groups above it.

// The messages of the service.
pub mod proto;

mod options;

mod clock;
mod ids;

// What is kept of a channel.
mod counters;
mod trace;

mod event;
mod table;

mod parts;

mod tree;

mod record;

// All channels.
mod registry;

mod observer;

// The service.
mod answers;
mod paging;

mod channelz;

pub use crate::channelz::Channelz;
pub use crate::options::ChannelzOptions;
