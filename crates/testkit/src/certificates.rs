//! Certificates for tests, made when they are needed, and the server side of TLS.
//!
//! ```
//! use trunkline_testkit::certificates::{Authority, server_config};
//!
//! let authority = Authority::new("Test Root");
//! let server = authority.issue(&["orders.test", "127.0.0.1"]);
//! let config = server_config(&server);
//! assert!(authority.pem().starts_with("-----BEGIN CERTIFICATE-----"));
//! # let _ = config;
//! ```

use std::sync::Arc;

use futures_rustls::rustls;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

pub use rcgen;

/// A certificate authority.
///
/// All certificates are valid from 2025 to 2034, unless a test changes that: the real time and that
/// of a simulation are both within.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The certificates between this authority and its root, this one's first; empty for a root.
    chain: Vec<CertificateDer<'static>>,
    /// The same in PEM.
    chain_pem: String,
}

/// A certificate with its key and the certificates that lead to the root.
#[derive(Debug)]
pub struct Issued {
    /// The certificates, the own one first, without the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key.
    pub key: PrivateKeyDer<'static>,
    chain_pem: String,
    key_pem: String,
}

impl Authority {
    /// Creates a root with this common name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let issuer = CertifiedIssuer::self_signed(authority_params(name), key());
        Self {
            issuer: issuer.expect("valid parameters"),
            chain: Vec::new(),
            chain_pem: String::new(),
        }
    }

    /// Creates an intermediate authority below this one.
    #[must_use]
    pub fn intermediate(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params(name);
        change(&mut params);
        let issuer = CertifiedIssuer::signed_by(params, key(), &self.issuer);
        let issuer = issuer.expect("valid parameters");
        let mut chain = vec![issuer.der().clone()];
        chain.extend(self.chain.iter().cloned());
        let chain_pem = issuer.pem() + &self.chain_pem;
        Self {
            issuer,
            chain,
            chain_pem,
        }
    }

    /// Issues a certificate for servers and clients with these names; the first one is the common
    /// name, too.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| {})
    }

    /// Issues a certificate whose parameters were changed.
    #[must_use]
    pub fn issue_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let (params, key) = (params(names, change), key());
        let own = params.signed_by(&key, &*self.issuer);
        let own = own.expect("valid parameters");
        let mut chain = vec![own.der().clone()];
        chain.extend(self.chain.iter().cloned());
        Issued::new(chain, own.pem() + &self.chain_pem, &key)
    }

    /// Returns the authority's own certificate with its key.
    #[must_use]
    pub fn as_issued(&self) -> Issued {
        Issued::new(
            vec![self.issuer.der().clone()],
            self.issuer.pem(),
            self.issuer.key(),
        )
    }

    /// Returns the authority's certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Returns the authority's certificate in DER.
    #[must_use]
    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Issued {
    fn new(chain: Vec<CertificateDer<'static>>, chain_pem: String, key: &KeyPair) -> Self {
        Self {
            chain,
            chain_pem,
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            key_pem: key.serialize_pem(),
        }
    }

    /// Creates a certificate that is signed with its own key.
    #[must_use]
    pub fn self_signed(names: &[&str]) -> Self {
        let (params, key) = (params(names, |_| {}), key());
        let own = params.self_signed(&key).expect("valid parameters");
        Self::new(vec![own.der().clone()], own.pem(), &key)
    }

    /// Returns the certificates in PEM.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.chain_pem.clone()
    }

    /// Returns the key in PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key_pem.clone()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key of ring's")
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(&[], |_| {});
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = Vec::new();
    params
}

fn params(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let owned: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(owned).expect("names that a certificate can have");
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2034, 12, 31);
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = names.first() {
        params.distinguished_name.push(DnType::CommonName, *name);
    }
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    change(&mut params);
    params
}

/// What a TLS server requires of its clients, and offers them.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The versions that it speaks.
    pub versions: &'static [&'static SupportedProtocolVersion],
    /// The protocols that it chooses from.
    pub alpn: Vec<Vec<u8>>,
    /// The authority that a client certificate must be from; `None` asks for none.
    pub client_authority: Option<CertificateDer<'static>>,
    /// True if a client without a certificate is accepted, too.
    pub accepts_no_certificate: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            versions: rustls::ALL_VERSIONS,
            alpn: vec![b"h2".to_vec()],
            client_authority: None,
            accepts_no_certificate: false,
        }
    }
}

/// Returns the configuration of a gRPC server with this certificate.
#[must_use]
pub fn server_config(issued: &Issued) -> Arc<ServerConfig> {
    server_config_with(issued, &ServerOptions::default())
}

/// Returns the configuration of a server. The key need not fit the certificate.
#[must_use]
pub fn server_config_with(issued: &Issued, options: &ServerOptions) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider
        .key_provider
        .load_private_key(issued.key.clone_key());
    let certified = CertifiedKey::new(issued.chain.clone(), key.expect("a key of ring's"));
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(options.versions)
        .expect("versions that the provider has");
    let builder = match &options.client_authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.clone()).expect("a root");
            let mut verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            if options.accepts_no_certificate {
                verifier = verifier.allow_unauthenticated();
            }
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(Always(Arc::new(certified))));
    config.alpn_protocols.clone_from(&options.alpn);
    Arc::new(config)
}

/// Shows one certificate to all clients.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
