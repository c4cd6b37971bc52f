//! xDS as an extension of a channel.

use trunkline_channel::{ChannelBuilder, ChannelExtension};

use super::factory::XdsFactory;
use super::loads::Loads;
use super::options::Xds;

impl ChannelExtension for Xds {
    fn extend(self, builder: ChannelBuilder) -> ChannelBuilder {
        let loads = Loads::new();
        let policies = self.all_policies(loads.store());
        let factory = XdsFactory { xds: self, loads };
        builder.policies(policies).resolver(factory)
    }
}
