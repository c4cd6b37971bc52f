//! Decides which servers are the right ones, in place of the host name.

use std::error::Error;
use std::fmt::{self, Debug};

/// Decides whether a server is the right one by its certificate, in place of the check of the host
/// name.
///
/// For peers that are not known by the host in the target, such as the workloads of a mesh.
///
/// # Examples
///
/// ```
/// use std::error::Error;
/// use trunkline_connector::tls::{NameCheck, Tls};
///
/// /// Accepts one server, by the bytes of its certificate.
/// #[derive(Debug)]
/// struct Pinned(Vec<u8>);
///
/// impl NameCheck for Pinned {
///     fn check(&self, certificate: &[u8], _: Option<&str>) -> Result<(), Box<dyn Error + Send + Sync>> {
///         if certificate == self.0 {
///             return Ok(());
///         }
///         Err("the certificate of the server is another one".into())
///     }
/// }
///
/// let tls = Tls::new().with_name_check(Pinned(vec![0x30, 0x82]));
/// # let _ = tls;
/// ```
pub trait NameCheck: Debug + Send + Sync {
    /// Checks the certificate of a server, in DER. Its chain leads to one of the roots, all its
    /// certificates are valid now, and it is for servers.
    ///
    /// `server_name` is the name that the client sent; `None` if it sent none. A resumed session is
    /// not checked again.
    ///
    /// # Errors
    ///
    /// When it is not the right server. The handshake fails with
    /// [`WrongName`](super::TlsErrorKind::WrongName) and the text of the error.
    fn check(
        &self,
        certificate: &[u8],
        server_name: Option<&str>,
    ) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// A check has refused a server. rustls passes it on from its callback.
#[derive(Debug)]
pub(super) struct RefusedByCheck(pub(super) Box<dyn Error + Send + Sync>);

impl fmt::Display for RefusedByCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for RefusedByCheck {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
