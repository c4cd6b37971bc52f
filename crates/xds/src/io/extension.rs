//! xDS as an extension of a channel.

use trunkline_channel::{ChannelBuilder, ChannelExtension};
use trunkline_resolver::ResolverFactory;

use super::factory::XdsFactory;
use super::loads::Loads;
use super::options::Xds;
use super::providers::Providers;

impl ChannelExtension for Xds {
    fn extend(self, builder: ChannelBuilder) -> ChannelBuilder {
        let loads = Loads::new();
        let policies = self.all_policies(loads.store());
        let providers = Providers::default();
        #[cfg(feature = "tls")]
        let builder = if self.has_credentials() {
            let providers = providers.clone();
            builder.security_layer(super::credentials::XdsCredentials { providers })
        } else {
            builder
        };
        let factory = XdsFactory {
            xds: self,
            loads,
            providers,
        };
        builder.policies(policies).resolver(factory)
    }
}

impl Xds {
    /// Returns the factory of the scheme's resolvers, for a program that resolves targets without a
    /// channel. Each resolution that can be routed has its configuration among its attributes
    /// ([`XdsConfigKey`](crate::core::XdsConfigKey)).
    #[must_use]
    pub fn resolver_factory(&self) -> impl ResolverFactory + use<> {
        XdsFactory {
            xds: self.clone(),
            loads: Loads::new(),
            providers: Providers::default(),
        }
    }
}
