//! The resolver factory of the scheme `xds`.

use trunkline_resolver::{
    ResolveError, ResolveErrorKind, Resolver, ResolverFactory, ResolverOptions,
};
use trunkline_target::Target;

use super::loads::Loads;
use super::options::Xds;
use super::providers::Providers;
use super::resolver::XdsResolver;
use crate::core::data_plane_authority;

/// Makes the resolvers of `xds:` targets.
#[derive(Clone, Debug)]
pub(super) struct XdsFactory {
    pub(super) xds: Xds,
    /// The load reports of the channel.
    pub(super) loads: Loads,
    /// The certificate providers of the channel.
    pub(super) providers: Providers,
}

impl ResolverFactory for XdsFactory {
    fn scheme(&self) -> &str {
        "xds"
    }

    /// Checks the bootstrap of the program, if it has one, and that it has the authority of the target.
    fn check(&self, target: &Target) -> Result<(), ResolveError> {
        match self.xds.own_bootstrap() {
            Some(bootstrap) => {
                bootstrap.check().map_err(|error| {
                    let text = error.to_string();
                    ResolveError::new(ResolveErrorKind::InvalidName, text).with_source(error)
                })?;
                self.xds.listener_name(bootstrap, target).map(drop)
            }
            None => Ok(()),
        }
    }

    fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        let resolver = XdsResolver::new(
            self.xds.clone(),
            self.loads.clone(),
            self.providers.clone(),
            target.clone(),
            options.clone(),
        );
        Ok(Box::new(resolver))
    }

    fn default_authority(&self, target: &Target) -> Option<String> {
        Some(data_plane_authority(target))
    }
}
