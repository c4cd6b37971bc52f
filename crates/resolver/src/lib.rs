#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod factory;
mod resolver;

pub use crate::error::{ResolveError, ResolveErrorKind};
pub use crate::factory::{ResolverFactory, ResolverOptions};
pub use crate::resolver::{Resolution, Resolver, ServiceConfigSource, Verdict};
