//! The resolver factory of the scheme `xds`.

use trunkline_resolver::{
    ResolveError, ResolveErrorKind, Resolver, ResolverFactory, ResolverOptions,
};
use trunkline_target::Target;

use super::channel_parts::ChannelParts;
use super::resolver::XdsResolver;
use crate::core::data_plane_authority;

/// Makes the resolvers of `xds:` targets.
#[derive(Clone, Debug)]
pub(super) struct XdsFactory(pub(super) ChannelParts);

impl ResolverFactory for XdsFactory {
    fn scheme(&self) -> &str {
        "xds"
    }

    /// Checks the bootstrap of the program, if it has one, and that it has the authority of the target.
    fn check(&self, target: &Target) -> Result<(), ResolveError> {
        match self.0.xds.own_bootstrap() {
            Some(bootstrap) => {
                bootstrap.check().map_err(|error| {
                    let text = error.to_string();
                    ResolveError::new(ResolveErrorKind::InvalidName, text).with_source(error)
                })?;
                self.0.xds.listener_name(bootstrap, target).map(drop)
            }
            None => Ok(()),
        }
    }

    fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        let resolver = XdsResolver::new(self.0.clone(), target.clone(), options.clone());
        Ok(Box::new(resolver))
    }

    fn default_authority(&self, target: &Target) -> Option<String> {
        Some(data_plane_authority(target))
    }
}
