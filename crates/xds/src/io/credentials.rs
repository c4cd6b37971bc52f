//! TLS to backends, as their clusters ask for it.

use std::error::Error;
use std::io;
use std::sync::Arc;

use trunkline_channel::SecurityLayer;
use trunkline_connector::tls::{NameCheck, Tls, TlsConnector};
use trunkline_connector::{ConnectProgress, Connected, Connector};
use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Lock, Runtime};

use super::providers::Providers;
use crate::core::resources::UpstreamTls;
use crate::core::san::{SubjectAltName, verify_names};
use crate::core::{CertificateProvider, WatchedFiles};
use crate::policies::BackendTls;

/// The most configurations of clusters whose certificates and sessions are kept.
const KEPT: usize = 64;

/// The transport security of a channel whose clusters choose it.
#[derive(Debug)]
pub(super) struct XdsCredentials {
    pub(super) providers: Providers,
}

impl SecurityLayer for XdsCredentials {
    fn protect(
        &self,
        plain: Arc<dyn Connector>,
        fallback: Arc<dyn Connector>,
        runtime: &Arc<dyn Runtime>,
    ) -> Arc<dyn Connector> {
        Arc::new(XdsConnector {
            plain,
            fallback,
            runtime: Arc::clone(runtime),
            providers: self.providers.clone(),
            kept: Lock::default(),
        })
    }
}

/// Connects as the cluster of an address asks for it, or else as the channel does by default.
struct XdsConnector {
    plain: Arc<dyn Connector>,
    fallback: Arc<dyn Connector>,
    runtime: Arc<dyn Runtime>,
    providers: Providers,
    /// The connectors in use, the last used one at the end.
    kept: Lock<Vec<(Arc<UpstreamTls>, TlsConnector)>>,
}

impl XdsConnector {
    /// Returns the connector of a cluster. The first time, it reads the certificates.
    fn of_cluster(&self, tls: &Arc<UpstreamTls>) -> io::Result<TlsConnector> {
        let mut kept = self.kept.lock();
        if let Some(at) = kept.iter().position(|(known, _)| known == tls) {
            let found = kept.remove(at);
            let connector = found.1.clone();
            kept.push(found);
            return Ok(connector);
        }
        let options = self.options(tls)?;
        let (plain, runtime) = (Arc::clone(&self.plain), Arc::clone(&self.runtime));
        let connector = TlsConnector::for_ip_addresses(plain, &options, runtime);
        let connector =
            connector.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((Arc::clone(tls), connector.clone()));
        Ok(connector)
    }

    /// Returns the options of TLS to a cluster.
    fn options(&self, tls: &Arc<UpstreamTls>) -> io::Result<Tls> {
        let mut options = Tls::new()
            .with_trusted_address_names()
            .with_name_check(ClusterNames(Arc::clone(tls)));
        if let Some((instance, _)) = &tls.roots {
            let provider = self.provider(instance)?;
            if provider.spiffe_trust_bundle_map_file.is_some() {
                return Err(unusable(
                    instance,
                    "SPIFFE trust bundle maps are not supported",
                ));
            }
            let file = provider.files.ca_certificate_file;
            let file = file.ok_or_else(|| unusable(instance, "it has no ca_certificate_file"))?;
            options = options.with_ca_file(file);
        }
        if let Some((instance, _)) = &tls.identity {
            let identity = self.provider(instance)?.files.identity;
            let files = identity.ok_or_else(|| unusable(instance, "it has no certificate_file"))?;
            options = options.with_identity_files(files.certificate_file, files.private_key_file);
        }
        Ok(options)
    }

    fn provider(&self, instance: &str) -> io::Result<WatchedFiles> {
        match self.providers.get(instance) {
            Some(CertificateProvider::FileWatcher(files)) => Ok(files),
            None => Err(unusable(instance, "it is not in the bootstrap")),
        }
    }
}

fn unusable(instance: &str, why: &str) -> io::Error {
    let text = format!("certificate provider {instance:?} cannot be used: {why}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

impl Connector for XdsConnector {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        self.connect_with_progress(address, ConnectProgress::ignored())
    }

    fn connect_with_progress(
        &self,
        address: &Address,
        progress: ConnectProgress,
    ) -> BoxFuture<io::Result<Connected>> {
        let Some(tls) = address.attributes().get::<BackendTls>() else {
            return self.fallback.connect_with_progress(address, progress);
        };
        let connector = match self.of_cluster(&tls.cluster) {
            Ok(connector) => connector,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let mut named =
            Address::new(address.location().clone()).with_attributes(address.attributes().clone());
        if let Some(name) = &tls.server_name {
            named = named.with_server_name(Arc::clone(name));
        }
        connector.connect_with_progress(&named, progress)
    }
}

impl std::fmt::Debug for XdsConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("XdsConnector")
            .field("plain", &self.plain)
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}

/// Checks the names of certificates as a cluster asks for it.
#[derive(Debug)]
struct ClusterNames(Arc<UpstreamTls>);

impl NameCheck for ClusterNames {
    fn check(
        &self,
        certificate: &[u8],
        server_name: Option<&str>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let names = SubjectAltName::of_certificate(certificate);
        let names = names.ok_or("the names of the server's certificate cannot be read")?;
        Ok(verify_names(&self.0, server_name, &names)?)
    }
}
