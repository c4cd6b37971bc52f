//! Snapshots of a channel, for people and for tools.
//!
//! From the ground up: `options`, what a snapshot shows; `json`, the form of its values; the parts of a
//! snapshot; `inspection`, the snapshot; `facts`, what the control task collects; `make`, which makes the
//! snapshot of them, in the task of the caller.

pub(crate) mod options;

#[cfg(feature = "serde")]
mod json;

pub(crate) mod connection;
pub(crate) mod parts;

pub(crate) mod subchannel;

pub(crate) mod inspection;

pub(crate) mod facts;
mod make;
