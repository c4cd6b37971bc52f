//! Chooses the root certificates for each server.

use std::error::Error;
use std::fmt::{self, Debug};

use super::root_certificates::RootCertificates;

/// Chooses the root certificates that a server's certificate must lead to, by that certificate.
///
/// For peers of several trust domains, each of which has roots of its own.
///
/// # Examples
///
/// ```
/// use std::error::Error;
/// use trunkline_connector::tls::{RootCertificates, RootChoice, Tls};
///
/// /// Trusts the roots of one region, whatever the server.
/// #[derive(Debug)]
/// struct OfRegion(RootCertificates);
///
/// impl RootChoice for OfRegion {
///     fn choose(&self, _: &[u8]) -> Result<RootCertificates, Box<dyn Error + Send + Sync>> {
///         Ok(self.0.clone())
///     }
/// }
///
/// let none = RootCertificates::from_der(Vec::<Vec<u8>>::new())?;
/// let tls = Tls::new().with_root_choice(OfRegion(none));
/// # let _ = tls;
/// # Ok::<(), trunkline_connector::tls::TlsError>(())
/// ```
///
/// Source: [gRFC A87](https://github.com/grpc/proposal/blob/master/A87-mtls-spiffe-support.md).
pub trait RootChoice: Debug + Send + Sync {
    /// Returns the roots for the certificate of a server, in DER. Nothing of the certificate is checked
    /// yet: its chain is verified with the roots that this returns. A resumed session is not checked again.
    ///
    /// # Errors
    ///
    /// When there are no roots for it. The handshake fails with
    /// [`UnknownIssuer`](super::TlsErrorKind::UnknownIssuer) and the text of the error.
    fn choose(&self, certificate: &[u8]) -> Result<RootCertificates, Box<dyn Error + Send + Sync>>;
}

/// There are no roots for a server. rustls passes it on from its callback.
#[derive(Debug)]
pub(super) struct RefusedByChoice(pub(super) Box<dyn Error + Send + Sync>);

impl fmt::Display for RefusedByChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for RefusedByChoice {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
