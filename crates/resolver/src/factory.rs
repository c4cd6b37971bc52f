//! How a channel gets its resolver.

use std::fmt::Debug;
use std::sync::Arc;

use trunkline_runtime::Runtime;
use trunkline_target::Target;

use crate::{ResolveError, Resolver};

/// Makes resolvers for the targets of one scheme.
pub trait ResolverFactory: Debug + Send + Sync {
    /// The scheme, in lower case.
    fn scheme(&self) -> &str;

    /// Checks that a resolver for this target can be built, without I/O; called when the channel
    /// is built, so that a target that can never be used is an error there.
    ///
    /// # Errors
    ///
    /// When the target does not fit the scheme.
    fn check(&self, target: &Target) -> Result<(), ResolveError> {
        let _ = target;
        Ok(())
    }

    /// Makes a resolver. Called each time the channel leaves idleness.
    ///
    /// # Errors
    ///
    /// When the target does not fit the scheme.
    fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError>;

    /// The authority of the channel, where it is not the target's own
    /// ([`Target::default_authority`]).
    fn default_authority(&self, target: &Target) -> Option<String> {
        let _ = target;
        None
    }
}

/// What the channel gives to a resolver that is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResolverOptions {
    /// The channel's runtime: clock, timers, sockets, randomness.
    pub runtime: Arc<dyn Runtime>,
    /// Whether the channel wants no service config, so that none need be looked up.
    pub disable_service_config: bool,
}

impl ResolverOptions {
    /// Options with this runtime, and defaults.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self {
            runtime,
            disable_service_config: false,
        }
    }
}
