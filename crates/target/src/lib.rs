#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

// From the ground up: a module uses only those named before it.
//   parsing, in `const fn`:  error, fault, bytes, ip, host_port, authority, schemes, split, facts
//   a parsed target:         encode, view, target_ref, normalize
//   suggestions, warnings:   quote, repair, candidates, warn, suggest, explain
//   the entry points:        parse, target, serde
mod authority;
mod bytes;
mod candidates;
mod encode;
mod error;
mod explain;
mod facts;
mod fault;
mod host_port;
mod ip;
mod normalize;
mod parse;
mod quote;
mod repair;
mod schemes;
#[cfg(feature = "serde")]
mod serde;
mod split;
mod suggest;
mod target;
mod target_ref;
mod view;
mod warn;

pub use crate::encode::encode_authority;
pub use crate::error::{ErrorKind, ParseError, Warning};
pub use crate::schemes::Schemes;
pub use crate::target::Target;
pub use crate::target_ref::TargetRef;
pub use crate::view::{DEFAULT_DNS_PORT, DEFAULT_PORT, Host, HostPort, TargetView};
