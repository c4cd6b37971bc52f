//! Resolvers whose answer is fixed when they are made.

use std::sync::Arc;
use std::task::{Context, Poll};

use trunkline_endpoint::Endpoint;
use trunkline_target::Target;

use crate::{Resolution, ResolveError, Resolver, ResolverFactory, ResolverOptions};

/// A resolver that returns one resolution and never another.
#[derive(Debug)]
pub struct StaticResolver {
    resolution: Option<Resolution>,
}

impl StaticResolver {
    /// Returns a resolver with this resolution.
    #[must_use]
    pub fn new(resolution: Resolution) -> Self {
        Self {
            resolution: Some(resolution),
        }
    }
}

impl Resolver for StaticResolver {
    /// Ready once, then pending for ever.
    fn poll_resolution(&mut self, _cx: &mut Context<'_>) -> Poll<Resolution> {
        self.resolution.take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// A scheme all of whose targets have the same resolution.
///
/// # Examples
///
/// ```
/// use trunkline_endpoint::Endpoint;
/// use trunkline_resolver::{ResolverFactory, StaticFactory};
///
/// let backend = |last| Endpoint::new([std::net::SocketAddr::from(([192, 0, 2, last], 50051))]);
/// let backends = StaticFactory::from_endpoints("fleet", [backend(1), backend(2)]);
/// assert_eq!(backends.scheme(), "fleet");
/// ```
#[derive(Clone, Debug)]
pub struct StaticFactory {
    scheme: Arc<str>,
    resolution: Resolution,
}

impl StaticFactory {
    /// Returns a factory whose targets have this resolution. Upper and lower case of the scheme are
    /// the same.
    #[must_use]
    pub fn new(scheme: &str, resolution: Resolution) -> Self {
        Self {
            scheme: scheme.to_ascii_lowercase().into(),
            resolution,
        }
    }

    /// Returns a factory whose targets have these endpoints.
    pub fn from_endpoints(scheme: &str, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        let endpoints: Arc<[Endpoint]> = endpoints.into_iter().collect();
        Self::new(scheme, Resolution::new(endpoints))
    }
}

impl ResolverFactory for StaticFactory {
    fn scheme(&self) -> &str {
        &self.scheme
    }

    fn build(
        &self,
        _target: &Target,
        _options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        Ok(Box::new(StaticResolver::new(self.resolution.clone())))
    }
}
