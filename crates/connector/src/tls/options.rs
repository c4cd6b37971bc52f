//! What a user sets up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

use super::certificate_source::CertificateSource;
use super::identity::{ClientIdentity, IdentityPem, IdentitySource};
use super::name_check::NameCheck;
use super::root_certificates::RootCertificates;
use super::root_choice::RootChoice;
use super::roots::RootSource;
use super::source::PemSource;

/// How a channel uses TLS: which servers it trusts, and the client's own certificate.
///
/// The default trusts the platform's root certificates, has no client certificate, speaks TLS 1.3
/// and 1.2, resumes sessions, and checks that the server's certificate is for the name in the
/// target. ALPN must agree on HTTP/2 (`h2`); without it a handshake fails.
///
/// Files are read when a channel is built, so that a missing or broken one is an error there, and
/// before each handshake: a connection that is made after they have changed uses the new contents. A
/// certificate and its key are replaced together, when both fit. Files that cannot be used any more
/// change nothing: what was read before stays in use, and
/// [`TlsInfo::reload_problem`](crate::TlsInfo::reload_problem) gives the reason. Open connections
/// are not affected.
///
/// ```
/// use trunkline_connector::tls::Tls;
///
/// let tls = Tls::new()
///     .with_ca_file("/etc/orders/ca.pem")
///     .with_identity_files("/etc/orders/client.pem", "/etc/orders/client.key");
/// # let _ = tls;
/// ```
///
/// Source: [gRPC over HTTP/2, Security](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#security);
/// the reloading of files: the `file_watcher` of [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md).
#[derive(Clone, Default)]
#[must_use = "it does nothing until a channel or a connector is made with it"]
pub struct Tls {
    pub(super) roots: Vec<RootSource>,
    pub(super) root_choice: Option<Arc<dyn RootChoice>>,
    pub(super) identity: Option<IdentitySource>,
    pub(super) source: Option<Arc<dyn CertificateSource>>,
    pub(super) server_name: Option<String>,
    pub(super) trusts_address_names: bool,
    pub(super) name_check: Option<Arc<dyn NameCheck>>,
    pub(super) min_version: TlsVersion,
    pub(super) without_resumption: bool,
    pub(super) provider: Option<Arc<CryptoProvider>>,
    pub(super) config: Option<Arc<ClientConfig>>,
}

/// A version of TLS. Older ones than 1.2 are not supported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2, [RFC 5246](https://www.rfc-editor.org/rfc/rfc5246).
    #[default]
    Tls12,
    /// TLS 1.3, [RFC 8446](https://www.rfc-editor.org/rfc/rfc8446).
    Tls13,
}

impl Tls {
    /// Returns the default: the platform's roots, and no client certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses a configuration of rustls as it is, in place of all options but the server name. Its
    /// certificate verifier, resumption and clock are its own. ALPN is set to `h2` if it is empty.
    ///
    /// Errors about certificates are then less precise: they name the reason, and not the
    /// certificates.
    pub fn from_config(config: impl Into<Arc<ClientConfig>>) -> Self {
        Self {
            config: Some(config.into()),
            ..Self::default()
        }
    }

    /// Trusts the root certificates of the platform. This is the default while no other roots are
    /// given; with others, it adds the platform's to them.
    ///
    /// They are read once, when the channel is built. `SSL_CERT_FILE` and `SSL_CERT_DIR` in the
    /// environment replace the platform's own place.
    pub fn with_platform_roots(mut self) -> Self {
        self.roots.push(RootSource::Platform);
        self
    }

    /// Trusts the root certificates of Mozilla, as of the version of the crate `webpki-roots`.
    #[cfg(feature = "tls-bundled-roots")]
    pub fn with_bundled_roots(mut self) -> Self {
        self.roots.push(RootSource::Bundled);
        self
    }

    /// Trusts root certificates in PEM, one or more.
    pub fn with_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        let pem = PemSource::Value(pem.into());
        self.roots.push(RootSource::Pem(pem));
        self
    }

    /// Trusts a root certificate in DER.
    pub fn with_ca_der(mut self, der: impl Into<Vec<u8>>) -> Self {
        let der = CertificateDer::from(der.into());
        self.roots.push(RootSource::Der(der));
        self
    }

    /// Trusts the root certificates in a file in PEM. When the file changes, the next handshake uses
    /// its new contents.
    pub fn with_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        let pem = PemSource::File(path.into());
        self.roots.push(RootSource::Pem(pem));
        self
    }

    /// Trusts root certificates that were read already.
    pub fn with_roots(mut self, roots: RootCertificates) -> Self {
        self.roots.push(RootSource::Read(roots));
        self
    }

    /// Lets `choice` choose the root certificates for each server, in place of all other roots.
    pub fn with_root_choice(mut self, choice: impl RootChoice + 'static) -> Self {
        self.root_choice = Some(Arc::new(choice));
        self
    }

    /// Shows this certificate to servers that require one (mutual TLS): the client's certificate and
    /// those that lead to a root, in PEM, and the key of the first one, in PEM (PKCS #8, PKCS #1 or
    /// SEC1, not encrypted).
    pub fn with_identity_pem(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some(IdentitySource::Pem(IdentityPem {
            certificate: PemSource::Value(chain.into()),
            key: PemSource::Value(key.into()),
        }));
        self
    }

    /// As [`with_identity_pem`](Self::with_identity_pem), with what was read already.
    pub fn with_identity(mut self, identity: ClientIdentity) -> Self {
        self.identity = Some(IdentitySource::Read(identity));
        self
    }

    /// As [`with_identity_pem`](Self::with_identity_pem), from two files. When they change, the next
    /// handshake uses their new contents, both or neither.
    pub fn with_identity_files(
        mut self,
        chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.identity = Some(IdentitySource::Pem(IdentityPem {
            certificate: PemSource::File(chain.into()),
            key: PemSource::File(key.into()),
        }));
        self
    }

    /// Asks `source` for the certificates of each handshake: the client's, and the roots in place of the ones
    /// here. Before the first handshake it is not asked, so that a channel can be built without certificates.
    pub fn with_certificate_source(mut self, source: impl CertificateSource + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Checks the server's certificate for this name, an IP address or a DNS name without a port,
    /// in place of the host in the channel's authority. A channel without an authority of its own
    /// also sends the name as `:authority`.
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Checks the server's certificate for the server name of the address, where the resolver gave
    /// it one; [`with_server_name`](Self::with_server_name) has precedence.
    ///
    /// Only for a resolver that is trusted, such as a static list: it decides which server is the
    /// right one. Without this, the names of addresses are not used: the DNS, say, could name a
    /// server of its own.
    pub fn with_trusted_address_names(mut self) -> Self {
        self.trusts_address_names = true;
        self
    }

    /// Lets `check` decide whether a server is the right one, in place of the check of the host name.
    /// The chain of its certificate must lead to the roots all the same.
    ///
    /// The host in the channel's authority is then not sent as the server name. What is sent is the
    /// server name of the address with [`with_trusted_address_names`](Self::with_trusted_address_names)
    /// where it has one, else that of [`with_server_name`](Self::with_server_name), else none. A call
    /// with an authority of its own still needs a certificate for that.
    pub fn with_name_check(mut self, check: impl NameCheck + 'static) -> Self {
        self.name_check = Some(Arc::new(check));
        self
    }

    /// Sets the lowest version that is accepted. Default: [`TlsVersion::Tls12`].
    pub fn with_min_version(mut self, version: TlsVersion) -> Self {
        self.min_version = version;
        self
    }

    /// Makes a full handshake for each connection. By default, sessions are resumed: that saves the
    /// server's signature and, with TLS 1.2, a round trip.
    pub fn without_resumption(mut self) -> Self {
        self.without_resumption = true;
        self
    }

    /// Sets the implementation of cryptography. Default with the feature `tls-ring`: ring, also
    /// where the process has installed another default in rustls.
    pub fn with_provider(mut self, provider: impl Into<Arc<CryptoProvider>>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Returns the name of [`with_server_name`](Self::with_server_name).
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }
}

/// Shows no key, and no other contents of PEM.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("roots", &self.roots)
            .field("root_choice", &self.root_choice)
            .field("identity", &self.identity)
            .field("source", &self.source)
            .field("server_name", &self.server_name)
            .field("trusts_address_names", &self.trusts_address_names)
            .field("name_check", &self.name_check)
            .field("min_version", &self.min_version)
            .field("without_resumption", &self.without_resumption)
            .field("has_provider", &self.provider.is_some())
            .field("has_config", &self.config.is_some())
            .finish()
    }
}
