//! The choice of the transport security of each connection.

use super::ChannelBuilder;
use crate::security_layer::SecurityLayer;

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
