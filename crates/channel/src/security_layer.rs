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
}
