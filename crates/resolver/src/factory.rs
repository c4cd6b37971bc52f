//! The trait of a resolver factory, through which a channel makes its resolvers.

use std::fmt::Debug;

use trunkline_target::Target;

use crate::{ResolveError, Resolver, ResolverOptions};

/// Makes resolvers for the targets of one scheme.
///
/// A channel keeps its factory for its whole life and builds with it again each time it leaves
/// idleness, so one factory makes many resolvers for one target. State that must survive idleness,
/// such as a cache or what was learned about servers, belongs into the factory.
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
