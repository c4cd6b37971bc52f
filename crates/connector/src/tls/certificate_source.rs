//! Certificates that a program replaces while it runs.

use std::fmt::Debug;

use trunkline_runtime::BoxFuture;

use super::identity::ClientIdentity;
use super::root_certificates::RootCertificates;

/// Has the certificates of each handshake, for a program that reads or receives them itself.
///
/// # Examples
///
/// ```
/// use std::sync::RwLock;
/// use trunkline_connector::tls::{CertificateSource, CurrentCertificates, RootCertificates, Tls};
///
/// /// Roots that another part of the program receives.
/// #[derive(Debug)]
/// struct Received(RwLock<Option<RootCertificates>>);
///
/// impl CertificateSource for Received {
///     fn current(&self) -> Result<CurrentCertificates, String> {
///         let received = self.0.read().map_err(|_| "a panic".to_owned())?;
///         let roots = received.clone().ok_or("no roots were received yet")?;
///         Ok(CurrentCertificates::default().with_roots(roots))
///     }
/// }
///
/// let tls = Tls::new().with_certificate_source(Received(RwLock::new(None)));
/// # let _ = tls;
/// ```
pub trait CertificateSource: Debug + Send + Sync {
    /// Returns the certificates for a handshake that starts now. Must not block.
    ///
    /// # Errors
    ///
    /// When there are none yet, as text: the handshake fails with it, and with
    /// [`TlsErrorKind::Source`](super::TlsErrorKind::Source).
    fn current(&self) -> Result<CurrentCertificates, String>;

    /// Returns a future that ends when [`current`](Self::current) may return something else; `None` if that is not
    /// reported, the default. Back-offs after failed handshakes end then, each time: the future must not be ready
    /// before something changes, or the channel connects in a loop.
    fn changed(&self) -> Option<BoxFuture<()>> {
        None
    }
}

/// The certificates that a [`CertificateSource`] has at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct CurrentCertificates {
    /// The roots that are trusted, in place of those of the options. Default: `None`, for those of the
    /// options.
    pub roots: Option<RootCertificates>,
    /// The client's certificate and its key. Default: none.
    pub identity: Option<ClientIdentity>,
    /// Why certificates that were valid earlier are in use. Default: `None`.
    pub problem: Option<String>,
}

impl CurrentCertificates {
    /// Sets [`roots`](Self::roots).
    pub fn with_roots(mut self, roots: impl Into<Option<RootCertificates>>) -> Self {
        self.roots = roots.into();
        self
    }

    /// Sets [`identity`](Self::identity).
    pub fn with_identity(mut self, identity: impl Into<Option<ClientIdentity>>) -> Self {
        self.identity = identity.into();
        self
    }

    /// Sets [`problem`](Self::problem).
    pub fn with_problem(mut self, problem: impl Into<Option<String>>) -> Self {
        self.problem = problem.into();
        self
    }
}
