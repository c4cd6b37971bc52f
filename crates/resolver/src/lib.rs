#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those in the groups above it.

// The trait of a resolver, its results and errors; how a channel makes one.
mod error;

mod verdict;

mod metrics;
mod resolver;

mod options;

mod factory;

// When to resolve again.
mod pacer;

// The resolvers without DNS.
mod fixed;
mod manual;
mod stream;

mod address_scheme;

// The schemes `dns` and `srv`.
#[cfg(feature = "dns")]
mod dns;

// The factories by scheme.
mod registry;

pub use crate::address_scheme::AddressScheme;
#[cfg(feature = "dns")]
pub use crate::dns::{AddressFamilies, DnsFactory, DnsOptions, LookupReport, SrvFactory};
pub use crate::error::{ResolveError, ResolveErrorKind};
pub use crate::factory::ResolverFactory;
pub use crate::fixed::{StaticFactory, StaticResolver};
pub use crate::manual::{ManualResolver, ManualUpdate};
pub use crate::metrics::{LookupOutcome, ResolverEvent, ResolverMetrics};
pub use crate::options::{CredentialsKind, ResolverOptions};
pub use crate::pacer::{Pacer, Pacing};
pub use crate::registry::ResolverRegistry;
pub use crate::resolver::{Resolution, Resolver, ResolverSchedule, ServiceConfigSource};
pub use crate::stream::{StreamFactory, StreamResolver};
pub use crate::verdict::{Rejection, RejectionKind, Verdict};
