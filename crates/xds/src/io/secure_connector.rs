//! TLS to backends, as their clusters ask for it.

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use trunkline_connector::tls::{ClientIdentity, NameCheck, Tls, TlsConnector, TlsError};
use trunkline_connector::{ConnectProgress, Connected, Connector, first_change};
use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Lock, Runtime};

use super::certificates::{PeerRoots, Provider};
use super::cluster_security::{ClusterSecurity, SecureAddress, Security};
use crate::core::resources::UpstreamTls;
use crate::core::san::{SubjectAltName, verify_names};
use crate::policies::SecuredBy;

/// The most connectors that are kept, each with the sessions that can be resumed.
const KEPT: usize = 64;

/// Connects as the cluster of an address asks for it, or else as the channel does by default.
pub(super) struct SecureConnector {
    pub(super) fallback: Arc<dyn Connector>,
    pub(super) security: ClusterSecurity,
    pub(super) connectors: Arc<TlsConnectors>,
}

impl Connector for SecureConnector {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        self.connect_with_progress(address, ConnectProgress::ignored())
    }

    fn connect_with_progress(
        &self,
        address: &Address,
        progress: ConnectProgress,
    ) -> BoxFuture<io::Result<Connected>> {
        let Some(cluster) = address.attributes().get::<SecuredBy>() else {
            return self.fallback.connect_with_progress(address, progress);
        };
        let secure = match self.security.of(cluster, address) {
            Ok(Security::Tls(secure)) => secure,
            Ok(Security::Fallback) => {
                return self.fallback.connect_with_progress(address, progress);
            }
            Err(text) => return Box::pin(std::future::ready(Err(unusable(text)))),
        };
        let mut named = address.clone();
        if let Some(name) = &secure.server_name {
            named = named.with_server_name(Arc::clone(name));
        }
        let connectors = Arc::clone(&self.connectors);
        Box::pin(async move {
            let connector = connectors.of(&secure).await?;
            let result = connector.connect_with_progress(&named, progress).await;
            match secure.problem() {
                Some(problem) => with_problem(result, problem),
                None => result,
            }
        })
    }

    fn changed(&self) -> Option<BoxFuture<()>> {
        first_change(Some(self.security.replaced()), self.fallback.changed())
    }
}

/// Adds why certificates that were read earlier are in use: to what is known of the connection, or to the
/// error of the handshake.
fn with_problem(result: io::Result<Connected>, problem: String) -> io::Result<Connected> {
    match result {
        Ok(mut connected) => {
            if let Some(info) = &mut connected.info.tls {
                Arc::make_mut(info).reload_problem = Some(problem);
            }
            Ok(connected)
        }
        Err(error) => Err(match error.downcast::<TlsError>() {
            Ok(error) => error.with_reload_problem(&problem).into_io(),
            Err(error) => error,
        }),
    }
}

fn unusable(text: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

impl fmt::Debug for SecureConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureConnector")
            .field("fallback", &self.fallback)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

/// The connectors in use: one for each kind of TLS that clusters ask for. It is replaced when its
/// certificates are, so that no session is resumed that was made with earlier ones.
pub(super) struct TlsConnectors {
    plain: Arc<dyn Connector>,
    runtime: Arc<dyn Runtime>,
    /// The last used one is at the end.
    kept: Lock<Vec<Kept>>,
}

struct Kept {
    tls: Arc<UpstreamTls>,
    certificates: Certificates,
    connector: TlsConnector,
}

/// The certificates of a connector.
#[derive(Clone)]
struct Certificates {
    /// `None` for the roots of the platform.
    roots: Option<Arc<PeerRoots>>,
    identity: Option<Arc<ClientIdentity>>,
}

impl Certificates {
    /// Waits for the certificates of a cluster.
    async fn of(secure: &SecureAddress) -> io::Result<Self> {
        let cluster = &secure.cluster.name;
        let problem = |provider: &Provider, why| {
            let instance = provider.instance();
            unusable(format!(
                "certificate provider {instance:?} of cluster {cluster:?} cannot be used: {why}"
            ))
        };
        let roots = match &secure.roots {
            Some(provider) => {
                let roots = provider.roots().await;
                Some(roots.map_err(|why| problem(provider, why))?)
            }
            None => None,
        };
        let identity = match &secure.identity {
            Some(provider) => {
                let identity = provider.identity().await;
                Some(identity.map_err(|why| problem(provider, why))?)
            }
            None => None,
        };
        Ok(Self { roots, identity })
    }

    /// Returns whether these are the last readings of files that can be used.
    fn are_current(&self, secure: &SecureAddress) -> bool {
        let current = Self {
            roots: secure.roots.as_ref().and_then(|it| it.current_roots()),
            identity: secure
                .identity
                .as_ref()
                .and_then(|it| it.current_identity()),
        };
        self.is_same(&current)
    }

    /// Returns whether both are the same readings of files.
    fn is_same(&self, other: &Self) -> bool {
        fn is_same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
            one.map(Arc::as_ptr) == other.map(Arc::as_ptr)
        }
        is_same(self.roots.as_ref(), other.roots.as_ref())
            && is_same(self.identity.as_ref(), other.identity.as_ref())
    }
}

impl TlsConnectors {
    /// Returns the connectors over `plain`: none yet.
    pub(super) fn new(plain: Arc<dyn Connector>, runtime: &Arc<dyn Runtime>) -> Self {
        Self {
            plain,
            runtime: Arc::clone(runtime),
            kept: Lock::default(),
        }
    }

    /// Waits for the certificates of a cluster, and returns its connector.
    async fn of(&self, secure: &SecureAddress) -> io::Result<TlsConnector> {
        let Some(tls) = &secure.cluster.tls else {
            // Only clusters with TLS are asked for.
            return Err(unusable("the cluster asks for no TLS"));
        };
        let certificates = Certificates::of(secure).await?;
        if let Some(connector) = self.used(tls, &certificates) {
            return Ok(connector);
        }
        let tls = Arc::new(tls.clone());
        let connector = self.connector(&tls, &certificates)?;
        let new = Kept {
            tls,
            certificates,
            connector,
        };
        Ok(self.keep(new, secure))
    }

    /// Returns the connector of this TLS that has these certificates, which becomes the last used one.
    fn used(&self, tls: &UpstreamTls, certificates: &Certificates) -> Option<TlsConnector> {
        let mut kept = self.kept.lock();
        let at = kept
            .iter()
            .position(|known| *known.tls == *tls && known.certificates.is_same(certificates))?;
        let found = kept.remove(at);
        let connector = found.connector.clone();
        kept.push(found);
        Some(connector)
    }

    /// Keeps a connector, unless its certificates were replaced while it was made. Returns the one to use.
    fn keep(&self, new: Kept, secure: &SecureAddress) -> TlsConnector {
        let connector = new.connector.clone();
        // What is not kept any more is dropped without the lock.
        let dropped = {
            let mut kept = self.kept.lock();
            let at = kept.iter().position(|known| *known.tls == *new.tls);
            match at {
                // It was made for another connection at the same time.
                Some(at) if kept[at].certificates.is_same(&new.certificates) => {
                    return kept[at].connector.clone();
                }
                _ if !new.certificates.are_current(secure) => Some(new),
                at => {
                    let first = (kept.len() >= KEPT).then_some(0);
                    let dropped = at.or(first).map(|at| kept.remove(at));
                    kept.push(new);
                    dropped
                }
            }
        };
        drop(dropped);
        connector
    }

    fn connector(
        &self,
        tls: &Arc<UpstreamTls>,
        certificates: &Certificates,
    ) -> io::Result<TlsConnector> {
        let mut options = Tls::new()
            .with_trusted_address_names()
            .with_name_check(ClusterNames(Arc::clone(tls)));
        if let Some(roots) = &certificates.roots {
            options = roots.add_to(options);
        }
        if let Some(identity) = &certificates.identity {
            options = options.with_identity((**identity).clone());
        }
        let (plain, runtime) = (Arc::clone(&self.plain), Arc::clone(&self.runtime));
        let connector = TlsConnector::for_ip_addresses(plain, &options, runtime);
        connector.map_err(unusable)
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
