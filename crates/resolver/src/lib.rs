#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
#[cfg(feature = "dns")]
mod dns;
mod error;
mod factory;
mod fixed;
mod manual;
mod pacer;
mod registry;
mod resolver;

pub use crate::address::AddressScheme;
#[cfg(feature = "dns")]
pub use crate::dns::{
    AddressFamilies, DnsFactory, DnsOptions, Lookup, LookupReport, SrvFactory, SrvPriority,
    SrvWeight,
};
pub use crate::error::{ResolveError, ResolveErrorKind};
pub use crate::factory::{ResolverFactory, ResolverOptions};
pub use crate::fixed::{StaticFactory, StaticResolver};
pub use crate::manual::ManualResolver;
pub use crate::pacer::{Pacer, Pacing};
pub use crate::registry::ResolverRegistry;
pub use crate::resolver::{Resolution, Resolver, ServiceConfigSource, Verdict};
