//! Root certificates that were read already.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::error::{TlsError, TlsErrorKind};
use super::source::PemSource;

/// Root certificates that were read and checked: connecting with them reads no file.
///
/// A clone is cheap. Two values are equal when they have the same certificates in the same order.
///
/// # Examples
///
/// ```no_run
/// use trunkline_connector::tls::{RootCertificates, Tls};
///
/// let roots = RootCertificates::read("/etc/orders/ca.pem")?;
/// let tls = Tls::new().with_roots(roots);
/// # let _ = tls;
/// # Ok::<(), trunkline_connector::tls::TlsError>(())
/// ```
#[derive(Clone)]
pub struct RootCertificates {
    certificates: Arc<[CertificateDer<'static>]>,
    pub(super) store: Arc<RootCertStore>,
}

impl RootCertificates {
    /// Reads the certificates in a file in PEM, at least one. A file of more than 4 MiB, and anything but
    /// a regular file, is not read.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or one of its certificates cannot be a root. The text names the
    /// file.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let source = PemSource::File(path.into());
        let pem = source.read();
        let pem = pem.map_err(|error| TlsError::new(TlsErrorKind::Roots, error.to_string()))?;
        let certificates = certificates(&pem, &source, TlsErrorKind::Roots)?;
        Self::of(certificates, &source)
    }

    /// Returns these certificates in DER. Without any, no server is trusted.
    ///
    /// # Errors
    ///
    /// When one of them cannot be a root.
    pub fn from_der(
        certificates: impl IntoIterator<Item = impl Into<Vec<u8>>>,
    ) -> Result<Self, TlsError> {
        let certificates = certificates.into_iter();
        let certificates = certificates.map(|der| CertificateDer::from(der.into()));
        Self::of(certificates.collect(), &"the given DER")
    }

    fn of(
        certificates: Vec<CertificateDer<'static>>,
        source: &dyn fmt::Display,
    ) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            add(&mut store, certificate.clone(), source)?;
        }
        Ok(Self {
            certificates: certificates.into(),
            store: Arc::new(store),
        })
    }

    /// Returns how many certificates there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// Returns true if there is no certificate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }
}

impl PartialEq for RootCertificates {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

impl Eq for RootCertificates {}

impl fmt::Debug for RootCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootCertificates")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Adds a certificate that is from `source`.
pub(super) fn add(
    store: &mut RootCertStore,
    certificate: CertificateDer<'static>,
    source: &dyn fmt::Display,
) -> Result<(), TlsError> {
    store.add(certificate).map_err(|error| {
        let text = format!("a certificate in {source} cannot be a root: {error}");
        TlsError::new(TlsErrorKind::Roots, text).with_source(error)
    })
}

/// Returns the certificates in PEM, at least one.
pub(super) fn certificates(
    pem: &[u8],
    source: &PemSource,
    kind: TlsErrorKind,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => {
            let text = format!("{source} has no certificate in PEM (`BEGIN CERTIFICATE`)");
            Err(TlsError::new(kind, text))
        }
        // The error of the parser is not quoted: it can contain a line of the file, and the file
        // can contain a key.
        Err(_) => Err(TlsError::new(kind, format!("{source} is not valid PEM"))),
    }
}
