//! The resolver factory of the scheme `xds`.

use http::uri::Authority;
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
        let options = with_virtual_host(options.clone(), target);
        let resolver = XdsResolver::new(self.0.clone(), target.clone(), options);
        Ok(Box::new(resolver))
    }

    /// Returns the authority that chooses the virtual host, unless it has escapes, which the crate `http`
    /// refuses: then it is the channel that chooses what to send.
    fn default_authority(&self, target: &Target) -> Option<String> {
        Some(data_plane_authority(target)).filter(|authority| can_be_sent(authority))
    }
}

/// What a channel sends in place of an authority that cannot be sent.
const PLACEHOLDER: &str = "localhost";

/// Returns the options with the authority that chooses the virtual host: that of the channel, or that of
/// the target, where the channel has none, or only a placeholder that the application did not choose.
fn with_virtual_host(options: ResolverOptions, target: &Target) -> ResolverOptions {
    let own = data_plane_authority(target);
    match options.authority.as_deref() {
        Some(_) if options.is_authority_set || can_be_sent(&own) => options,
        Some(authority) if authority != PLACEHOLDER => options,
        _ => options.with_authority(own),
    }
}

fn can_be_sent(authority: &str) -> bool {
    authority.parse::<Authority>().is_ok()
}
