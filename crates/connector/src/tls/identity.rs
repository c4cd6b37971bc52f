//! The client's own certificate and its key, for servers that require one.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::certificate::Certificate;
use super::error::{TlsError, TlsErrorKind};
use super::provider::provider_or_ring;
use super::root_certificates::certificates;
use super::source::PemSource;

/// Where a client certificate and its key are from.
#[derive(Clone, Debug)]
pub(super) enum IdentitySource {
    Pem(IdentityPem),
    /// Read already.
    Read(ClientIdentity),
}

/// The PEM of a client certificate and of its key.
#[derive(Clone, Debug)]
pub(super) struct IdentityPem {
    pub(super) certificate: PemSource,
    pub(super) key: PemSource,
}

/// A client certificate with its key, which were read and fit each other: connecting with them reads no
/// file.
///
/// A clone is cheap. Two values are equal when they were read from the same PEM. `Debug` shows nothing
/// of the key.
///
/// # Examples
///
/// ```no_run
/// use trunkline_connector::tls::{ClientIdentity, Tls};
///
/// let identity = ClientIdentity::read("/etc/orders/client.pem", "/etc/orders/client.key")?;
/// let tls = Tls::new().with_identity(identity);
/// # let _ = tls;
/// # Ok::<(), trunkline_connector::tls::TlsError>(())
/// ```
#[derive(Clone)]
pub struct ClientIdentity {
    pub(super) identity: Identity,
    /// The certificates, then the key, in PEM.
    contents: Arc<[Vec<u8>; 2]>,
}

impl ClientIdentity {
    /// Reads a certificate, with those that lead to a root, and its key from files in PEM. The key is
    /// PKCS #8, PKCS #1 or SEC1, not encrypted, and is used with ring.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, has nothing that can be used, or the key is not that of the first
    /// certificate; and without the feature that brings ring. The text names the file.
    pub fn read(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let source = IdentityPem {
            certificate: PemSource::File(chain.into()),
            key: PemSource::File(key.into()),
        };
        let read = |source: &PemSource| {
            let contents = source.read();
            contents.map_err(|error| TlsError::new(TlsErrorKind::Identity, error.to_string()))
        };
        let contents = [read(&source.certificate)?, read(&source.key)?];
        let [chain, key] = &contents;
        let identity = Identity::load(&source, chain, key, &*provider_or_ring(None)?)?;
        Ok(Self {
            identity,
            contents: Arc::new(contents),
        })
    }
}

impl PartialEq for ClientIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.contents == other.contents
    }
}

impl Eq for ClientIdentity {}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity")
            .field("certificate", &self.identity.described)
            .finish_non_exhaustive()
    }
}

/// A client certificate with its key.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// What the certificate contains.
    pub(super) described: Option<Certificate>,
}

impl Identity {
    /// Loads a certificate chain and the key of its first certificate.
    pub(super) fn load(
        source: &IdentityPem,
        chain: &[u8],
        key: &[u8],
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let chain = certificates(chain, &source.certificate, TlsErrorKind::Identity)?;
        let key = private_key(key, &source.key)?;
        let described = chain.first().and_then(|own| Certificate::from_der(own));
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
            let text = match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
                    "the key in {} is not that of the first certificate in {}",
                    source.key, source.certificate
                ),
                _ => format!(
                    "the certificate in {} and the key in {} cannot be used: {error}",
                    source.certificate, source.key
                ),
            };
            TlsError::new(TlsErrorKind::Identity, text).with_source(error)
        })?;
        Ok(Self {
            key: Arc::new(key),
            described,
        })
    }
}

/// Returns the first private key in PEM: PKCS #8, PKCS #1 or SEC1.
fn private_key(pem: &[u8], source: &PemSource) -> Result<PrivateKeyDer<'static>, TlsError> {
    use rustls::pki_types::pem::Error as PemError;
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        let has = |text: &[u8]| pem.windows(text.len()).any(|window| window == text);
        let text = match error {
            PemError::NoItemsFound if has(b"BEGIN ENCRYPTED PRIVATE KEY") => format!(
                "the private key in {source} is encrypted: decrypt it, with `openssl pkcs8`, for \
                 example"
            ),
            PemError::NoItemsFound if has(b"BEGIN CERTIFICATE") => format!(
                "{source} has a certificate and no private key: are certificate and key swapped?"
            ),
            PemError::NoItemsFound => {
                format!("{source} has no private key in PEM (`BEGIN PRIVATE KEY`)")
            }
            // The error of the parser is not quoted: it can contain a line of the key.
            _ => format!("{source} is not valid PEM"),
        };
        TlsError::new(TlsErrorKind::Identity, text)
    })
}
