//! Why TLS cannot be used, or did not come about.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::info::TlsInfo;

/// The reason why a TLS handshake failed, or why TLS cannot be set up.
///
/// The text of a failed handshake leaves the address out: callers print that beside it. No text
/// contains a part of a key. A connector returns it inside of an [`io::Error`]:
///
/// ```
/// use std::io;
/// use trunkline_connector::tls::{TlsError, TlsErrorKind};
///
/// fn is_expired(error: &io::Error) -> bool {
///     let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
///     tls.is_some_and(|tls| tls.kind() == TlsErrorKind::Expired)
/// }
/// # assert!(!is_expired(&io::ErrorKind::TimedOut.into()));
/// ```
#[derive(Clone, Debug)]
pub struct TlsError(Box<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    kind: TlsErrorKind,
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
    info: Option<TlsInfo>,
    alpn: Option<Vec<u8>>,
    certificates: Vec<CertificateDer<'static>>,
}

/// The kind of a [`TlsError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// A certificate of the server has expired.
    Expired,
    /// A certificate of the server is not valid yet.
    NotYetValid,
    /// The server's certificate is for other names.
    WrongName,
    /// The server's certificate leads to no root that is trusted.
    UnknownIssuer,
    /// The server's certificate cannot be used for another reason.
    BadCertificate,
    /// The server did not choose HTTP/2 by ALPN.
    NoAlpn,
    /// The server does not speak TLS.
    Plaintext,
    /// The server broke the TLS protocol.
    Protocol,
    /// The server and this client have no version, cipher suite, key exchange or signature scheme
    /// in common.
    Incompatible,
    /// The server requires a client certificate, and the client has none.
    ClientCertificateWanted,
    /// The server refused the client certificate.
    ClientCertificateRefused,
    /// The server ended the handshake with another alert.
    Alert,
    /// The server closed the connection during the handshake.
    Closed,
    /// Reading or writing failed during the handshake.
    Io,
    /// The root certificates cannot be used.
    Roots,
    /// The client certificate or its key cannot be used.
    Identity,
    /// A [`CertificateSource`](super::CertificateSource) has no certificates.
    Source,
    /// The name to check is not one that a certificate can have.
    ServerName,
    /// The crypto provider, or the configuration of rustls, cannot be used.
    Config,
}

impl TlsError {
    pub(super) fn new(kind: TlsErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            kind,
            message: message.into(),
            source: None,
            info: None,
            alpn: None,
            certificates: Vec::new(),
        }))
    }

    pub(super) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Adds what was known of the session when the handshake failed.
    pub(super) fn with_session(mut self, info: Option<TlsInfo>, alpn: Option<Vec<u8>>) -> Self {
        self.0.info = info;
        self.0.alpn = alpn;
        self
    }

    pub(super) fn with_certificates(mut self, certificates: Vec<CertificateDer<'static>>) -> Self {
        self.0.certificates = certificates;
        self
    }

    /// Adds to the text why certificates that were read earlier are in use. All else stays.
    #[must_use]
    pub fn with_reload_problem(mut self, problem: &str) -> Self {
        let message = &mut self.0.message;
        message.push_str("; certificates that were read earlier are in use, because ");
        message.push_str(problem);
        self
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> TlsErrorKind {
        self.0.kind
    }

    /// Returns true when the server's certificate was refused.
    #[must_use]
    pub fn is_about_certificate(&self) -> bool {
        matches!(
            self.0.kind,
            TlsErrorKind::Expired
                | TlsErrorKind::NotYetValid
                | TlsErrorKind::WrongName
                | TlsErrorKind::UnknownIssuer
                | TlsErrorKind::BadCertificate
        )
    }

    /// Returns what was agreed on before the handshake failed: version and cipher suite. `None` if
    /// it failed before that.
    #[must_use]
    pub fn info(&self) -> Option<&TlsInfo> {
        self.0.info.as_ref()
    }

    /// Returns the protocol that ALPN had chosen before the handshake failed.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.0.alpn.as_deref()
    }

    /// Returns the certificates that the server sent, in DER, its own first; empty where the
    /// handshake failed before that. [`is_about_certificate`](Self::is_about_certificate) is true
    /// where they are the reason.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.0.certificates
    }

    /// Returns the error as an [`io::Error`], which contains it: what a connector returns.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        let kind = match self.0.kind {
            TlsErrorKind::Closed => io::ErrorKind::UnexpectedEof,
            TlsErrorKind::Io => self
                .source()
                .and_then(|source| source.downcast_ref::<io::Error>())
                .map_or(io::ErrorKind::Other, io::Error::kind),
            TlsErrorKind::ClientCertificateWanted | TlsErrorKind::ClientCertificateRefused => {
                io::ErrorKind::PermissionDenied
            }
            TlsErrorKind::Alert => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
