//! The certificates of connections to control planes.

use std::sync::Arc;

use trunkline_connector::tls::{CertificateSource, CurrentCertificates};
use trunkline_runtime::{BoxFuture, Runtime};

use super::certificates::{PeerRoots, Provider, ProviderPool, Replaced};
use crate::core::{Bootstrap, CertificateProvider, ServerConfig, ServerCredentials, WatchedFiles};

/// The certificates in the files of a server's `channel_creds`, which are read at their interval for all
/// connections to it.
#[derive(Debug)]
pub(super) struct ServerCertificates(Arc<Provider>);

impl ServerCertificates {
    /// Returns those of a server; `None` if it has no files.
    pub(super) fn of(
        server: &ServerConfig,
        pool: &ProviderPool,
        runtime: &Arc<dyn Runtime>,
    ) -> Option<Self> {
        let (instance, files) = files_of(server)?;
        Some(Self(pool.provider(&instance, &files, runtime)))
    }
}

impl CertificateSource for ServerCertificates {
    fn current(&self) -> Result<CurrentCertificates, String> {
        let dump = self.0.dump();
        let parts = || [&dump.roots, &dump.identity].into_iter().flatten();
        if let Some(missing) = parts().find(|part| !part.is_loaded) {
            let why = missing.problem.as_deref();
            let why = why.unwrap_or("the files were not read yet");
            return Err(format!("channel_creds cannot be used: {why}"));
        }
        let roots = match self.0.current_roots().as_deref() {
            Some(PeerRoots::Certificates(roots)) => Some(roots.clone()),
            // Servers have no trust bundle map.
            Some(PeerRoots::OfTrustDomains(_)) | None => None,
        };
        let identity = self.0.current_identity().as_deref().cloned();
        let problems: Vec<&str> = parts().filter_map(|part| part.problem.as_deref()).collect();
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        Ok(CurrentCertificates::default()
            .with_roots(roots)
            .with_identity(identity)
            .with_problem(problem))
    }

    fn changed(&self) -> Option<BoxFuture<()>> {
        let signal = Arc::new(Replaced::default());
        self.0.signal(&signal);
        Some(Replaced::given(signal))
    }
}

/// Returns the files of a server as a provider, with its name; `None` if it has none.
fn files_of(server: &ServerConfig) -> Option<(Arc<str>, CertificateProvider)> {
    let ServerCredentials::Tls(files) = &server.credentials else {
        return None;
    };
    if files.ca_certificate_file.is_none() && files.identity.is_none() {
        return None;
    }
    let watched = WatchedFiles {
        files: files.clone(),
        spiffe_trust_bundle_map_file: None,
    };
    let instance = format!("channel_creds of {}", server.uri).into();
    Some((instance, CertificateProvider::FileWatcher(watched)))
}

/// Returns all certificate providers that clients with a bootstrap may use: those for backends, then those
/// for control planes, each in the order of their names.
pub(super) fn providers_of(bootstrap: &Bootstrap) -> Vec<(Arc<str>, CertificateProvider)> {
    let of_backends = bootstrap.certificate_providers.iter();
    let mut providers: Vec<_> = of_backends
        .map(|(name, provider)| (Arc::clone(name), provider.clone()))
        .collect();
    let servers = bootstrap.all_servers();
    let mut of_servers: Vec<_> = servers.filter_map(|server| files_of(server)).collect();
    of_servers.sort_by(|(one, _), (other, _)| one.cmp(other));
    of_servers.dedup();
    providers.append(&mut of_servers);
    providers
}
