//! The certificates in use, and how they follow their files.

use std::fmt::{self, Debug};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::certificate::Certificate;
use super::error::{TlsError, TlsErrorKind};
use super::identity::{Identity, IdentitySource};
use super::options::{Tls, TlsVersion};
use super::provider::provider_or_ring;
use super::roots::{RootSource, Roots};
use super::source::PemSource;
use super::verifier::{Checks, ClientCertificate, RecordingVerifier};

/// The ALPN name of HTTP/2 over TLS.
///
/// Source: [RFC 9113 section 3.2](https://www.rfc-editor.org/rfc/rfc9113#section-3.2).
pub(super) const ALPN_H2: &[u8] = b"h2";

/// The configuration of one handshake, and what the texts of its errors name.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) config: Arc<ClientConfig>,
    pub(super) described: Arc<Described>,
    /// True when a handshake proves that the server has a certificate for the server name.
    pub(super) proves_name: bool,
    /// Why files that have changed are not used.
    pub(super) problem: Option<String>,
}

/// What the texts of errors name.
#[derive(Debug)]
pub(super) struct Described {
    /// The roots that are trusted: `the given root`.
    pub(super) roots: String,
    /// The client's own certificate.
    pub(super) identity: Option<Certificate>,
}

/// The certificates in use. It reads their files again when it is asked for the configuration of a
/// handshake.
///
/// A new configuration has no sessions of the one before: those were made with certificates that are
/// no longer trusted or shown.
#[derive(Debug)]
pub(super) struct Material {
    options: Tls,
    provider: Arc<CryptoProvider>,
    clock: Arc<dyn TimeProvider>,
    roots: Watched<Roots>,
    identity: Watched<Option<Identity>>,
    prepared: Prepared,
}

/// What was made from the contents of files, and how it goes on with them.
struct Watched<T> {
    value: T,
    /// The contents that `value` was made from.
    accepted: Contents,
    /// The contents that were refused last, and the reason. They are not tried again.
    refused: Option<(Contents, String)>,
}

/// The contents of files, in the order of their sources.
pub(super) type Contents = Vec<Vec<u8>>;

impl<T> Watched<T> {
    fn new(
        sources: &[&PemSource],
        kind: TlsErrorKind,
        load: impl FnOnce(&[Vec<u8>]) -> Result<T, TlsError>,
    ) -> Result<Self, TlsError> {
        let accepted = read_all(sources).map_err(|error| TlsError::new(kind, error))?;
        Ok(Self {
            value: load(&accepted)?,
            accepted,
            refused: None,
        })
    }

    /// Reads the files again. Returns whether the value has changed, or why it has not although the
    /// files have.
    fn refresh(
        &mut self,
        sources: &[&PemSource],
        load: impl FnOnce(&[Vec<u8>]) -> Result<T, TlsError>,
    ) -> Result<bool, String> {
        if !sources.iter().any(|source| source.is_file()) {
            return Ok(false);
        }
        let contents = read_all(sources)?;
        if contents == self.accepted {
            self.refused = None;
            return Ok(false);
        }
        if let Some((refused, reason)) = &self.refused
            && *refused == contents
        {
            return Err(reason.clone());
        }
        match load(&contents) {
            Ok(value) => {
                *self = Self {
                    value,
                    accepted: contents,
                    refused: None,
                };
                Ok(true)
            }
            Err(error) => {
                let reason = error.to_string();
                self.refused = Some((contents, reason.clone()));
                Err(reason)
            }
        }
    }
}

/// Shows no contents of files: they may be a key.
impl<T: Debug> Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("value", &self.value)
            .field("refused", &self.refused.as_ref().map(|(_, reason)| reason))
            .finish_non_exhaustive()
    }
}

pub(super) fn read_all(sources: &[&PemSource]) -> Result<Contents, String> {
    let contents = sources.iter().map(|source| source.read());
    contents
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

impl Material {
    /// Loads all certificates.
    pub(super) fn load(mut options: Tls, clock: Arc<dyn TimeProvider>) -> Result<Self, TlsError> {
        if options.root_choice.is_some() {
            options.roots.clear();
        } else if options.roots.is_empty() {
            options.roots.push(RootSource::Platform);
        }
        let provider = provider_or_ring(options.provider.as_ref())?;
        let roots = Watched::new(&root_sources(&options), TlsErrorKind::Roots, |pem| {
            Roots::load(&options.roots, pem)
        })?;
        let identity = Watched::new(
            &identity_sources(&options),
            TlsErrorKind::Identity,
            |contents| load_identity(options.identity.as_ref(), contents, &provider),
        )?;
        let prepared = prepare(
            &options,
            &provider,
            &clock,
            &roots.value,
            identity.value.as_ref(),
        )?;
        Ok(Self {
            options,
            provider,
            clock,
            roots,
            identity,
            prepared,
        })
    }

    /// Returns the configuration for a handshake now, from the present contents of the files as far
    /// as they can be used.
    pub(super) fn prepare(&mut self) -> Prepared {
        let (options, provider) = (&self.options, &self.provider);
        let roots = self.roots.refresh(&root_sources(options), |pem| {
            Roots::load(&options.roots, pem)
        });
        let identity = self
            .identity
            .refresh(&identity_sources(options), |contents| {
                load_identity(options.identity.as_ref(), contents, provider)
            });
        let mut problems = Vec::new();
        let mut has_changed = false;
        for refreshed in [roots, identity] {
            match refreshed {
                Ok(changed) => has_changed |= changed,
                Err(reason) => problems.push(reason),
            }
        }
        if has_changed {
            let (roots, identity) = (&self.roots.value, self.identity.value.as_ref());
            match prepare(options, provider, &self.clock, roots, identity) {
                Ok(prepared) => self.prepared = prepared,
                Err(error) => problems.push(error.to_string()),
            }
        }
        self.prepared.problem = (!problems.is_empty()).then(|| problems.join("; "));
        self.prepared.clone()
    }
}

pub(super) fn root_sources(options: &Tls) -> Vec<&PemSource> {
    let sources = options.roots.iter();
    sources
        .filter_map(|source| match source {
            RootSource::Pem(pem) => Some(pem),
            _ => None,
        })
        .collect()
}

fn identity_sources(options: &Tls) -> Vec<&PemSource> {
    match &options.identity {
        Some(IdentitySource::Pem(pem)) => vec![&pem.certificate, &pem.key],
        _ => Vec::new(),
    }
}

fn load_identity(
    source: Option<&IdentitySource>,
    contents: &[Vec<u8>],
    provider: &CryptoProvider,
) -> Result<Option<Identity>, TlsError> {
    match (source, contents) {
        (Some(IdentitySource::Read(read)), _) => Ok(Some(read.identity.clone())),
        (Some(IdentitySource::Pem(source)), [chain, key]) => {
            Identity::load(source, chain, key, provider).map(Some)
        }
        _ => Ok(None),
    }
}

pub(super) fn prepare(
    options: &Tls,
    provider: &Arc<CryptoProvider>,
    clock: &Arc<dyn TimeProvider>,
    roots: &Roots,
    identity: Option<&Identity>,
) -> Result<Prepared, TlsError> {
    let versions: &[&SupportedProtocolVersion] = match options.min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let unusable = |error: &dyn fmt::Display| {
        let text = format!("the crypto provider cannot be used: {error}");
        TlsError::new(TlsErrorKind::Config, text)
    };
    if options.root_choice.is_none() && roots.store.is_empty() {
        let text = "there is no root certificate to trust: give at least one, or leave the roots out for \
                    those of the platform";
        return Err(TlsError::new(TlsErrorKind::Roots, text));
    }
    let checks = Checks::new(options, roots, provider).map_err(|error| unusable(&error))?;
    let verifier = RecordingVerifier {
        checks,
        algorithms: provider.signature_verification_algorithms,
    };
    let resolver = ClientCertificate(identity.map(|own| Arc::clone(&own.key)));
    let builder = ClientConfig::builder_with_details(Arc::clone(provider), Arc::clone(clock))
        .with_protocol_versions(versions)
        .map_err(|error| unusable(&error))?;
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    if options.without_resumption {
        config.resumption = Resumption::disabled();
    }
    Ok(Prepared {
        config: Arc::new(config),
        described: Arc::new(Described {
            roots: match &options.root_choice {
                Some(_) => "the roots that were chosen for it".to_owned(),
                None => roots.described.clone(),
            },
            identity: identity.and_then(|own| own.described.clone()),
        }),
        proves_name: options.name_check.is_none(),
        problem: None,
    })
}
