//! xDS as an extension of a channel.

use trunkline_channel::{ChannelBuilder, ChannelExtension};

use super::factory::XdsFactory;
use super::options::Xds;

impl ChannelExtension for Xds {
    fn extend(self, builder: ChannelBuilder) -> ChannelBuilder {
        let policies = self.all_policies();
        builder.policies(policies).resolver(XdsFactory(self))
    }
}
