//! Inspections of a channel, for people and for tools.
//!
//! From the ground up: `options`, what an inspection shows; `json`, the form of its values; its parts;
//! `inspection`, the whole; `facts`, what the control task collects; `make`, which makes an inspection of
//! them, in the task of the caller.

pub(crate) mod options;

#[cfg(feature = "serde")]
mod json;

pub(crate) mod connection;
pub(crate) mod parts;

pub(crate) mod subchannel;

pub(crate) mod inspection;

pub(crate) mod facts;
mod make;
