//! Root certificates: what a server's certificate must lead to.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::error::{TlsError, TlsErrorKind};
use super::root_certificates::{RootCertificates, add, certificates};
use super::source::PemSource;

/// Where root certificates are from.
#[derive(Clone, Debug)]
pub(super) enum RootSource {
    Platform,
    #[cfg(feature = "tls-bundled-roots")]
    Bundled,
    Der(CertificateDer<'static>),
    Pem(PemSource),
    /// Read already.
    Read(RootCertificates),
}

/// The roots that are trusted, and a text that names them: `the 3 given roots`.
#[derive(Debug)]
pub(super) struct Roots {
    pub(super) store: RootCertStore,
    pub(super) described: String,
}

impl Roots {
    /// Loads all roots. `pem` has the contents of each [`RootSource::Pem`], in their order.
    pub(super) fn load(sources: &[RootSource], pem: &[Vec<u8>]) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        let mut parts = Vec::new();
        let mut given = 0;
        let mut contents = pem.iter();
        for source in sources {
            let before = store.len();
            match source {
                RootSource::Platform => {
                    load_platform(&mut store)?;
                    parts.push(format!(
                        "the {} roots of this platform",
                        store.len() - before
                    ));
                }
                #[cfg(feature = "tls-bundled-roots")]
                RootSource::Bundled => {
                    store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                    parts.push(format!("the {} bundled roots", store.len() - before));
                }
                RootSource::Der(certificate) => {
                    add(&mut store, certificate.clone(), &"the given DER")?;
                    given += 1;
                }
                RootSource::Pem(source) => {
                    let contents = contents.next().map(Vec::as_slice).unwrap_or_default();
                    for certificate in certificates(contents, source, TlsErrorKind::Roots)? {
                        add(&mut store, certificate, source)?;
                    }
                    given += store.len() - before;
                }
                RootSource::Read(roots) => {
                    store.roots.extend_from_slice(&roots.store.roots);
                    given += roots.len();
                }
            }
        }
        match given {
            0 => {}
            1 => parts.push("the given root".to_owned()),
            _ => parts.push(format!("the {given} given roots")),
        }
        Ok(Self {
            store,
            described: parts.join(" and "),
        })
    }
}

/// Adds the roots of the platform: its store, or the files and folders in `SSL_CERT_FILE` and
/// `SSL_CERT_DIR`.
fn load_platform(store: &mut RootCertStore) -> Result<(), TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(());
    }
    let mut text = "this platform has no root certificates that can be used".to_owned();
    for error in &found.errors {
        text.push_str(&format!(" ({error})"));
    }
    text.push_str(": install its package of CA certificates, or give roots of your own");
    Err(TlsError::new(TlsErrorKind::Roots, text))
}
