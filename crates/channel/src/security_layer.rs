//! Transport security that is chosen for each connection.

use std::fmt::Debug;
use std::sync::Arc;

use trunkline_connector::Connector;
use trunkline_runtime::Runtime;

/// Chooses the transport security of each connection by its address, as a control plane can ask for it.
pub trait SecurityLayer: Debug + Send + Sync {
    /// Returns the connector of a channel.
    ///
    /// `plain` makes streams without protection, through the proxies of the channel. `fallback` makes those
    /// that the channel has by default: with the security of [`ChannelBuilder::plaintext`](crate::ChannelBuilder::plaintext) or
    /// `ChannelBuilder::tls`.
    fn protect(
        &self,
        plain: Arc<dyn Connector>,
        fallback: Arc<dyn Connector>,
        runtime: &Arc<dyn Runtime>,
    ) -> Arc<dyn Connector>;

    /// Returns whether a connection can have another security than the channel's own. If not, a channel in
    /// plaintext with call credentials that need encryption is refused when it is built. Default: true.
    fn chooses_security(&self) -> bool {
        true
    }
}
