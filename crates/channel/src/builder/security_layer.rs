//! The choice of the transport security of each connection.

use super::ChannelBuilder;
use crate::security_layer::SecurityLayer;

impl ChannelBuilder {
    /// Adds what chooses the transport security of each connection. The security of
    /// [`plaintext`](Self::plaintext) or `tls` is still required: it is the fallback, and decides on
    /// the `:scheme` of the calls.
    ///
    /// One layer can choose the security: with a second one, [`build`](Self::build) fails
    /// ([`BuildErrorKind::Conflict`](crate::BuildErrorKind::Conflict)). An extension can add one, as xDS with its
    /// credentials does. Layers that [choose none](SecurityLayer::chooses_security) are put around that one, the
    /// first one innermost: xDS without its credentials adds one, for the proxies of endpoints.
    ///
    /// Default: that security, for all connections.
    pub fn security_layer(mut self, security: impl SecurityLayer + 'static) -> Self {
        self.security_layers.add(security);
        self
    }
}
