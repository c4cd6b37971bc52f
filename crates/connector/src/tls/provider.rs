//! The implementation of cryptography.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::error::TlsError;

/// Returns the user's own implementation, or else ring.
pub(super) fn provider_or_ring(
    own: Option<&Arc<CryptoProvider>>,
) -> Result<Arc<CryptoProvider>, TlsError> {
    if let Some(own) = own {
        return Ok(Arc::clone(own));
    }
    #[cfg(feature = "tls-ring")]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(feature = "tls-ring"))]
    Err(TlsError::new(
        super::error::TlsErrorKind::Config,
        "there is no implementation of cryptography: give one with `with_provider`, or turn on the \
         feature that brings ring",
    ))
}
