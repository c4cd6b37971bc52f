#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answer;
mod config;
pub mod core;
mod error;
mod hosts;
#[cfg(feature = "io")]
pub mod io;
mod name;
mod rcode;
mod record;
mod resolv_conf;
mod svcb;
pub mod wire;

pub use crate::answer::{AnswerSource, FamilyAnswer, IpAnswer, Partial, RecordAnswer};
pub use crate::config::ClientConfig;
pub use crate::error::{LookupError, LookupErrorKind, ServerAttempt, ServerOutcome, Transport};
pub use crate::hosts::Hosts;
pub use crate::name::{Name, NameError, NameErrorKind};
pub use crate::record::{Families, Family, RecordType, ScopedIp, Srv};
pub use crate::resolv_conf::{Nameserver, ResolvConf, ResolvOptions};
pub use crate::svcb::Svcb;
