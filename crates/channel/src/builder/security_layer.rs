//! Transport security that is chosen for each connection.

use std::fmt::Debug;
use std::sync::Arc;

use trunkline_connector::Connector;
use trunkline_runtime::Runtime;

use super::ChannelBuilder;

/// Chooses the transport security of each connection by its address, as a control plane can ask for it.
pub trait SecurityLayer: Debug + Send + Sync {
    /// Returns the connector of a channel.
    ///
    /// `plain` makes streams without protection, through the proxies of the channel. `fallback` makes those
    /// that the channel has by default: with the security of [`ChannelBuilder::plaintext`] or
    /// `ChannelBuilder::tls`.
    fn protect(
        &self,
        plain: Arc<dyn Connector>,
        fallback: Arc<dyn Connector>,
        runtime: &Arc<dyn Runtime>,
    ) -> Arc<dyn Connector>;
}

impl ChannelBuilder {
    /// Sets what chooses the transport security of each connection. The security of
    /// [`plaintext`](Self::plaintext) or `tls` is still required: it is the fallback, and decides on
    /// the `:scheme` of the calls.
    ///
    /// Default: that security, for all connections.
    pub fn security_layer(mut self, security: impl SecurityLayer + 'static) -> Self {
        self.security_layer = Some(Box::new(security));
        self
    }
}
