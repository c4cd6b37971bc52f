//! What the certificates of servers must lead to.

use std::error::Error;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use trunkline_connector::tls::{RootCertificates, RootChoice, Tls, read_file};

use crate::core::WatchedFiles;
use crate::core::san::SubjectAltName;
use crate::core::spiffe::{SpiffeId, TrustBundles};

/// The roots of a certificate provider.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::io) enum PeerRoots {
    /// The same for all servers.
    Certificates(RootCertificates),
    /// By the SPIFFE identity of the server.
    OfTrustDomains(TrustDomains),
}

/// The roots of each trust domain.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::io) struct TrustDomains(Arc<TrustBundles<RootCertificates>>);

impl PeerRoots {
    /// Reads the roots from their file. A trust bundle map replaces the certificates. `None` if there is
    /// no file.
    pub(super) fn read(files: &WatchedFiles) -> Option<Result<Self, String>> {
        if let Some(file) = &files.spiffe_trust_bundle_map_file {
            return Some(read_map(file).map(Self::OfTrustDomains));
        }
        let file = files.files.ca_certificate_file.as_ref()?;
        let roots = RootCertificates::read(file).map(Self::Certificates);
        Some(roots.map_err(|error| error.to_string()))
    }

    /// Adds the roots to the options of TLS.
    pub(in crate::io) fn add_to(&self, options: Tls) -> Tls {
        match self {
            Self::Certificates(roots) => options.with_roots(roots.clone()),
            Self::OfTrustDomains(domains) => options.with_root_choice(domains.clone()),
        }
    }
}

fn read_map(path: &Path) -> Result<TrustDomains, String> {
    let file = path.display();
    let unreadable = |error: &dyn Display| format!("{file} cannot be read: {error}");
    let json = read_file(path).map_err(|error| unreadable(&error))?;
    let json = String::from_utf8(json).map_err(|error| unreadable(&error.utf8_error()))?;
    let bundles = TrustBundles::parse(&json).map_err(|error| format!("{file}: {error}"))?;
    let loaded = bundles.try_map(|domain, roots| {
        let roots = RootCertificates::from_der(roots);
        roots.map_err(|error| format!("{file}: trust domain {domain:?}: {error}"))
    });
    loaded.map(|loaded| TrustDomains(Arc::new(loaded)))
}

impl RootChoice for TrustDomains {
    /// Returns the roots of the trust domain in the only URI of the certificate.
    ///
    /// Source: [gRFC A87](https://github.com/grpc/proposal/blob/master/A87-mtls-spiffe-support.md).
    fn choose(&self, certificate: &[u8]) -> Result<RootCertificates, Box<dyn Error + Send + Sync>> {
        let names = SubjectAltName::of_certificate(certificate);
        let names = names.ok_or("the names of the server's certificate cannot be read")?;
        let id = SpiffeId::of_names(&names)?;
        Ok(self.0.roots_of(&id)?.clone())
    }
}
