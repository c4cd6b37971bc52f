//! xDS as an extension of a channel.

use trunkline_channel::{ChannelBuilder, ChannelExtension};
use trunkline_resolver::ResolverFactory;

use super::channel_parts::ChannelParts;
use super::connection_layer::ConnectionLayer;
use super::factory::XdsFactory;
use super::options::Xds;

impl ChannelExtension for Xds {
    fn extend(self, builder: ChannelBuilder) -> ChannelBuilder {
        let parts = ChannelParts::new(self);
        let policies = parts.xds.all_policies();
        let layer = ConnectionLayer {
            #[cfg(feature = "tls")]
            security: parts.security.clone(),
        };
        builder
            .security_layer(layer)
            .policies(policies)
            .resolver(XdsFactory(parts))
    }
}

impl Xds {
    /// Returns the factory of the scheme's resolvers, for a program that resolves targets without a
    /// channel. Each resolution that can be routed has its configuration among its attributes
    /// ([`XdsConfigKey`](crate::core::XdsConfigKey)).
    #[must_use]
    pub fn resolver_factory(&self) -> impl ResolverFactory + use<> {
        XdsFactory(ChannelParts::new(self.clone()))
    }
}
