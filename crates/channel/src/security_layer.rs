//! Transport security that is chosen for each connection.

use std::fmt::Debug;
use std::sync::Arc;

use trunkline_connector::Connector;
use trunkline_runtime::Runtime;

/// Chooses the transport security of each connection by its address, as a control plane can ask for it; or
/// changes the addresses that connections are made to, and leaves their security as it is.
pub trait SecurityLayer: Debug + Send + Sync {
    /// Returns the connector of a channel.
    ///
    /// `plain` makes streams without protection, through the proxies of the channel. `fallback` makes those
    /// that the channel has by default: with the security of [`ChannelBuilder::plaintext`](crate::ChannelBuilder::plaintext) or
    /// `ChannelBuilder::tls`. For a layer that [chooses none](Self::chooses_security), they are those of the layers
    /// inside of it.
    fn protect(
        &self,
        plain: Arc<dyn Connector>,
        fallback: Arc<dyn Connector>,
        runtime: &Arc<dyn Runtime>,
    ) -> Arc<dyn Connector>;

    /// Returns whether a connection can have another security than the channel's own. Asked once, when the layer
    /// is added. A channel has at most one layer that chooses, and any number of others around it. Without one
    /// that chooses, a channel in plaintext with call credentials that need encryption is refused when it is
    /// built. Default: true.
    fn chooses_security(&self) -> bool {
        true
    }
}
