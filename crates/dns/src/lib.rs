#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.

// Names, numbers, record types, service bindings.
mod name;
mod rcode;
mod record;
mod svcb;

// What is not there; failures; files.
mod absence;
mod error;
mod hosts;
mod resolv_conf;

// When a server is asked without EDNS.
mod edns_fallback;

// Answers; the configuration of a client.
mod answer;
mod config;

// Messages.
pub mod wire;

// What a lookup does, without I/O.
pub mod core;

// The client: the core with sockets and timers.
#[cfg(feature = "io")]
pub mod io;

pub use crate::absence::Absence;
pub use crate::answer::{AnswerSource, FamilyAnswer, IpAnswer, Partial, RecordAnswer};
pub use crate::config::ClientConfig;
pub use crate::error::{LookupError, LookupErrorKind, ServerAttempt, ServerOutcome, Transport};
pub use crate::hosts::Hosts;
pub use crate::name::{Name, NameError, NameErrorKind};
pub use crate::record::{Families, IpFamily, RecordType, ScopedIp, Srv};
pub use crate::resolv_conf::{Nameserver, ResolvConf, ResolvOptions};
pub use crate::svcb::Svcb;
