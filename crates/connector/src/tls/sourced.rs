//! The certificates of a source, and what handshakes are made with from them.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::time_provider::TimeProvider;

use super::certificate_source::{CertificateSource, CurrentCertificates};
use super::error::{TlsError, TlsErrorKind};
use super::material::{Prepared, prepare, read_all, root_sources};
use super::options::Tls;
use super::provider::provider_or_ring;
use super::roots::{RootSource, Roots};

/// The certificates in use of a source. It asks the source again for each handshake.
///
/// As with files, a new configuration has no sessions of the one before.
#[derive(Debug)]
pub(super) struct Sourced {
    options: Tls,
    provider: Arc<CryptoProvider>,
    clock: Arc<dyn TimeProvider>,
    source: Arc<dyn CertificateSource>,
    /// Those of the options, which are loaded when the source has none.
    own_roots: Option<Roots>,
    in_use: Option<(CurrentCertificates, Prepared)>,
}

impl Sourced {
    /// Returns the certificates of a source, which is not asked yet.
    pub(super) fn new(
        mut options: Tls,
        source: Arc<dyn CertificateSource>,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Self, TlsError> {
        if options.identity.is_some() || options.root_choice.is_some() {
            return Err(TlsError::new(
                TlsErrorKind::Config,
                "a source of certificates has the client certificate and the choice of roots: drop it, \
                 or drop the others",
            ));
        }
        if root_sources(&options).iter().any(|root| root.is_file()) {
            return Err(TlsError::new(
                TlsErrorKind::Config,
                "beside a source of certificates no file of roots is followed: give the roots by value",
            ));
        }
        if options.roots.is_empty() {
            options.roots.push(RootSource::Platform);
        }
        Ok(Self {
            provider: provider_or_ring(options.provider.as_ref())?,
            options,
            clock,
            source,
            own_roots: None,
            in_use: None,
        })
    }

    pub(super) fn source(&self) -> &Arc<dyn CertificateSource> {
        &self.source
    }

    /// Returns the configuration for a handshake now.
    pub(super) fn prepare(&mut self) -> Result<Prepared, TlsError> {
        let current = self.source.current();
        let current = current.map_err(|why| TlsError::new(TlsErrorKind::Source, why))?;
        if let Some((used, prepared)) = &mut self.in_use
            && used.roots == current.roots
            && used.identity == current.identity
        {
            prepared.problem = current.problem;
            return Ok(prepared.clone());
        }
        if current.roots.is_none() && self.own_roots.is_none() {
            self.own_roots = Some(load_own(&self.options)?);
        }
        let read = match &current.roots {
            Some(roots) => Some(Roots::load(&[RootSource::Read(roots.clone())], &[])?),
            None => None,
        };
        let roots = read.as_ref().or(self.own_roots.as_ref());
        let roots =
            roots.ok_or_else(|| TlsError::new(TlsErrorKind::Roots, "there are no roots"))?;
        let identity = current.identity.as_ref().map(|own| &own.identity);
        let (options, provider) = (&self.options, &self.provider);
        let mut prepared = prepare(options, provider, &self.clock, roots, identity)?;
        prepared.problem.clone_from(&current.problem);
        self.in_use = Some((current, prepared.clone()));
        Ok(prepared)
    }
}

/// Loads the roots of the options.
fn load_own(options: &Tls) -> Result<Roots, TlsError> {
    let contents = read_all(&root_sources(options));
    let contents = contents.map_err(|error| TlsError::new(TlsErrorKind::Roots, error))?;
    Roots::load(&options.roots, &contents)
}
