//! The trait of a resolver factory, through which a channel makes its resolvers.

use std::fmt::Debug;

use trunkline_target::Target;

use crate::{ResolveError, Resolver, ResolverOptions};

/// Makes resolvers for the targets of one scheme.
///
/// A channel keeps its factory for its whole life and builds with it again each time it leaves
/// idleness, so one factory makes many resolvers for one target. State that must survive idleness,
/// such as a cache or what was learned about servers, belongs into the factory.
///
/// # Examples
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::Endpoint;
/// use trunkline_resolver::{
///     Resolution, ResolveError, ResolveErrorKind, Resolver, ResolverFactory, ResolverOptions,
///     StaticResolver,
/// };
/// use trunkline_target::Target;
///
/// /// Targets such as `port:50051`, for servers on this host.
/// #[derive(Debug)]
/// struct OnThisHost;
///
/// fn port(target: &Target) -> Result<u16, ResolveError> {
///     target.endpoint().parse().map_err(|error| {
///         let text = format!("`{}` is not a port", target.endpoint());
///         ResolveError::new(ResolveErrorKind::InvalidName, text).with_source(error)
///     })
/// }
///
/// impl ResolverFactory for OnThisHost {
///     fn scheme(&self) -> &str {
///         "port"
///     }
///
///     fn check(&self, target: &Target) -> Result<(), ResolveError> {
///         port(target).map(drop)
///     }
///
///     fn build(
///         &self,
///         target: &Target,
///         _: &ResolverOptions,
///     ) -> Result<Box<dyn Resolver>, ResolveError> {
///         let address = SocketAddr::from(([127, 0, 0, 1], port(target)?));
///         let found = Resolution::new([Endpoint::new([address])]);
///         Ok(Box::new(StaticResolver::new(found)))
///     }
///
///     fn default_authority(&self, _: &Target) -> Option<String> {
///         Some("localhost".to_owned())
///     }
/// }
/// ```
pub trait ResolverFactory: Debug + Send + Sync {
    /// Returns the scheme, in lower case.
    fn scheme(&self) -> &str;

    /// Checks without I/O that a resolver for this target can be built. The channel's builder calls
    /// it, so that a target that can never be used fails there.
    ///
    /// # Errors
    ///
    /// When the target does not fit the scheme.
    fn check(&self, target: &Target) -> Result<(), ResolveError> {
        let _ = target;
        Ok(())
    }

    /// Makes a new resolver. The channel calls it each time it leaves idleness, for the first time
    /// on its first call.
    ///
    /// # Errors
    ///
    /// When the target does not fit the scheme.
    fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError>;

    /// Returns the authority of the channel, where it differs from the target's own
    /// ([`Target::default_authority`]); `None` by default.
    fn default_authority(&self, target: &Target) -> Option<String> {
        let _ = target;
        None
    }
}
