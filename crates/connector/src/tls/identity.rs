//! The client's own certificate and its key, for servers that require one.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::certificate::Certificate;
use super::error::{TlsError, TlsErrorKind};
use super::roots::certificates;
use super::source::PemSource;

/// Where a client certificate and its key are from.
#[derive(Clone, Debug)]
pub(super) struct IdentitySource {
    pub(super) certificate: PemSource,
    pub(super) key: PemSource,
}

/// A client certificate with its key.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// What the certificate contains.
    pub(super) described: Option<Certificate>,
}

impl Identity {
    /// Loads a certificate chain and the key of its first certificate.
    pub(super) fn load(
        source: &IdentitySource,
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
