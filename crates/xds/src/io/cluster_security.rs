//! The transport security that the clusters of a channel ask for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Lock, Runtime};

use super::certificates::{Provider, ProviderPool, Replaced, Signals};
use super::endpoint_names::{EndpointNames, NotListed};
use crate::core::resources::{Cluster, UpstreamTls};
use crate::core::san::sent_server_name;
use crate::core::{Bootstrap, ResolvedCluster, XdsConfig};

/// The transport security that the clusters of a channel ask for now, and the certificates for it. The
/// resolution of the channel sets it, before its policies get the clusters; the connector reads it for
/// each connection. All clones are one.
#[derive(Clone)]
pub(super) struct ClusterSecurity {
    pool: ProviderPool,
    state: Arc<Lock<State>>,
}

#[derive(Default)]
struct State {
    /// The configuration in force; `None` while the channel is idle.
    config: Option<Arc<XdsConfig>>,
    /// The certificate providers that its clusters name, by instance.
    providers: BTreeMap<Arc<str>, Arc<Provider>>,
    /// The host names of endpoints, of the clusters with `auto_host_sni`.
    names: BTreeMap<Arc<str>, Arc<EndpointNames>>,
    /// Given when one of the providers has something new, or a cluster has other TLS.
    replaced: Signals,
}

/// The TLS of a cluster, and the host names of its endpoints if it takes the server name from them.
type Found = (SecureAddress, Option<Arc<EndpointNames>>);

/// How a connection is secured.
pub(super) enum Security {
    /// As the channel secures it by default.
    Fallback,
    /// By TLS, as the cluster asks for it.
    Tls(Box<SecureAddress>),
}

/// TLS to one address.
pub(super) struct SecureAddress {
    pub(super) cluster: Arc<Cluster>,
    /// The server name that is sent; `None` for none.
    pub(super) server_name: Option<Arc<str>>,
    /// The provider of the roots; `None` for the roots of the platform.
    pub(super) roots: Option<Arc<Provider>>,
    /// The provider of the client's certificate; `None` for no certificate.
    pub(super) identity: Option<Arc<Provider>>,
}

impl SecureAddress {
    /// Returns why certificates that were read earlier are in use; `None` if they are those of the files.
    pub(super) fn problem(&self) -> Option<String> {
        let roots = self.roots.iter().filter_map(|it| it.dump().roots);
        let identity = self.identity.iter().filter_map(|it| it.dump().identity);
        let problems = roots.chain(identity).filter_map(|part| part.problem);
        let problems: Vec<Arc<str>> = problems.collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }
}

impl ClusterSecurity {
    /// Returns the security of a channel without clusters. Its providers are those of `pool`.
    pub(super) fn new(pool: ProviderPool) -> Self {
        Self {
            pool,
            state: Arc::default(),
        }
    }

    /// Puts a configuration in force: the providers that its clusters name are in use from now on, and no
    /// others. A cluster whose TLS changes counts as new certificates: connections that failed are tried
    /// again.
    pub(super) fn replace(
        &self,
        config: &Arc<XdsConfig>,
        bootstrap: &Bootstrap,
        runtime: &Arc<dyn Runtime>,
    ) {
        let mut providers = BTreeMap::new();
        let mut names = BTreeMap::new();
        let earlier = self.state.lock().names.clone();
        for (cluster, resolved) in &config.clusters {
            let Some((_, tls)) = resolved.as_ref().ok().and_then(tls_of) else {
                continue;
            };
            if let (true, Ok(resolved)) = (tls.auto_host_sni, resolved) {
                let of_cluster = EndpointNames::of(resolved, earlier.get(cluster));
                names.insert(Arc::clone(cluster), of_cluster);
            }
            let named = [&tls.roots, &tls.identity];
            for (instance, _) in named.into_iter().flatten() {
                if let Some((name, provider)) =
                    bootstrap.certificate_providers.get_key_value(instance)
                {
                    let provider = self.pool.provider(name, provider, runtime);
                    providers.insert(Arc::clone(name), provider);
                }
            }
        }
        let (before, given) = {
            let mut state = self.state.lock();
            let mut replaced = std::mem::take(&mut state.replaced);
            let differs = |old| tls_differs(old, config);
            let given = if state.config.as_deref().is_some_and(differs) {
                std::mem::take(&mut replaced)
            } else {
                Signals::default()
            };
            for signal in replaced.waiting() {
                providers
                    .values()
                    .for_each(|provider| provider.signal(&signal));
            }
            let new = State {
                config: Some(Arc::clone(config)),
                providers,
                names,
                replaced,
            };
            (std::mem::replace(&mut *state, new), given)
        };
        // The providers that are not used any more end without the lock.
        drop(before);
        given.give();
    }

    /// Ends the use of all providers, because the channel is idle.
    pub(super) fn clear(&self) {
        let before = {
            let mut state = self.state.lock();
            let new = State {
                replaced: std::mem::take(&mut state.replaced),
                ..State::default()
            };
            std::mem::replace(&mut *state, new)
        };
        drop(before);
    }

    /// Ends when one of the providers in use has new certificates, or a cluster has other TLS.
    pub(super) fn replaced(&self) -> BoxFuture<()> {
        let signal = Arc::new(Replaced::default());
        let mut state = self.state.lock();
        for provider in state.providers.values() {
            provider.signal(&signal);
        }
        state.replaced.add(&signal);
        Replaced::given(signal)
    }

    /// Returns how a connection to an address of a cluster is secured now.
    ///
    /// # Errors
    ///
    /// When the cluster is not in use any more or cannot be used, or takes the server name from the endpoint and the address is
    /// not among its endpoints any more, as text.
    pub(super) fn of(&self, cluster: &str, address: &Address) -> Result<Security, String> {
        let Some((secure, names)) = self.found(cluster)? else {
            return Ok(Security::Fallback);
        };
        let named = match &names {
            Some(names) => names.name(address).map_err(|NotListed| {
                // Without this name the checks of the certificate could pass for any server.
                format!("{address} is no endpoint of cluster {cluster:?} any more")
            })?,
            None => None,
        };
        let tls = secure.cluster.tls.as_ref();
        let server_name = tls.and_then(|tls| sent_server_name(tls, named.map(|name| &**name)));
        let server_name = server_name.map(Arc::from);
        Ok(Security::Tls(Box::new(SecureAddress {
            server_name,
            ..secure
        })))
    }

    /// Returns the TLS of a cluster without a server name, and the host names of its endpoints if it takes the
    /// name from them; `None` for the security of the channel.
    fn found(&self, cluster: &str) -> Result<Option<Found>, String> {
        let state = self.state.lock();
        let config = state.config.as_ref();
        let resolved = match config.and_then(|config| config.clusters.get(cluster)) {
            Some(Ok(resolved)) => resolved,
            Some(Err(text)) => return Err(text.to_string()),
            None => return Err(format!("cluster {cluster:?} is not in use any more")),
        };
        let Some((resource, tls)) = tls_of(resolved) else {
            return Ok(None);
        };
        let provider = |named: &Option<(Arc<str>, Arc<str>)>| {
            let Some((instance, _)) = named else {
                return Ok(None);
            };
            // A cluster that names another one is refused when it is read.
            let found = state.providers.get(instance).cloned();
            let missing = || format!("certificate provider {instance:?} is not in the bootstrap");
            found.map(Some).ok_or_else(missing)
        };
        let secure = SecureAddress {
            cluster: Arc::clone(resource),
            server_name: None,
            roots: provider(&tls.roots)?,
            identity: provider(&tls.identity)?,
        };
        let names = match tls.auto_host_sni {
            true => Some(state.names.get(cluster).cloned().unwrap_or_default()),
            false => None,
        };
        Ok(Some((secure, names)))
    }
}

/// Returns a cluster that asks for TLS, and what it asks for.
fn tls_of(resolved: &Arc<ResolvedCluster>) -> Option<(&Arc<Cluster>, &UpstreamTls)> {
    match &**resolved {
        ResolvedCluster::Leaf { cluster, .. } => Some((cluster, cluster.tls.as_ref()?)),
        ResolvedCluster::Aggregate { .. } => None,
    }
}

/// Returns whether a cluster that is in both configurations, and usable in both, has other TLS in the new
/// one.
fn tls_differs(old: &XdsConfig, new: &XdsConfig) -> bool {
    let tls = |resolved| tls_of(resolved).map(|(_, tls)| tls);
    new.clusters.iter().any(|(name, resolved)| {
        let (Some(Ok(old)), Ok(new)) = (old.clusters.get(name), resolved) else {
            return false;
        };
        tls(old) != tls(new)
    })
}

impl fmt::Debug for ClusterSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterSecurity")
            .field("providers", &self.state.lock().providers)
            .finish_non_exhaustive()
    }
}
