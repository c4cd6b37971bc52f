//! What the parts of one channel share.

use super::options::Xds;

/// What the resolver, the policies and the connections of one channel share.
#[derive(Clone, Debug)]
pub(super) struct ChannelParts {
    pub(super) xds: Xds,
    /// What clusters ask for; `None` if the channel secures all connections itself.
    #[cfg(feature = "tls")]
    pub(super) security: Option<super::cluster_security::ClusterSecurity>,
}

impl ChannelParts {
    /// Returns the parts of a new channel.
    pub(super) fn new(xds: Xds) -> Self {
        Self {
            #[cfg(feature = "tls")]
            security: xds.new_security(),
            xds,
        }
    }
}
