//! The clients of a program.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use trunkline_runtime::Lock;

use super::client::Client;
use super::client_task::ClientTask;
use super::link::LinkOptions;
use super::observer::XdsObserver;
use super::provider_dump::CertificateProviderDump;
use crate::core::ads::{AdsDump, ResourceDecoder};
use crate::core::{Bootstrap, Node};
use crate::policies::ClusterCounters;

/// Clients of control planes, which channels share.
///
/// The channels of one target, with equal bootstraps and on the same runtime, have one client: one
/// stream to each server, and one copy of each resource. It ends with the last of these channels. All
/// clones are one pool.
///
/// # Examples
///
/// ```
/// use trunkline_xds::XdsPool;
///
/// let pool = XdsPool::new();
/// assert!(pool.dump().is_empty());
/// ```
///
/// Source: [gRFC A71](https://github.com/grpc/proposal/blob/master/A71-xds-fallback.md).
#[derive(Clone, Default)]
pub struct XdsPool {
    clients: Arc<Lock<Vec<Weak<Client>>>>,
    counters: ClusterCounters,
    observers: Vec<Arc<dyn XdsObserver>>,
    #[cfg(feature = "tls")]
    providers: super::certificates::ProviderPool,
}

/// The state of one client of a pool.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientDump {
    /// The target of its channels: `client_scope` of the client status discovery service.
    pub target: Arc<str>,
    /// How it describes itself to its servers.
    pub node: Node,
    /// Its servers and resources.
    pub ads: AdsDump,
    /// The certificate providers that clusters of its channels use, in the order of their names; none
    /// without [`Xds::with_xds_credentials`](crate::Xds), and while the channels are idle. Then the files of
    /// `channel_creds` of its servers, whose instance is `channel_creds of` with the server's URI.
    pub certificate_providers: Vec<CertificateProviderDump>,
}

impl XdsPool {
    /// Returns a pool without clients.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an observer of the clients and certificate providers that are started through this value and its
    /// later clones.
    #[must_use]
    pub fn with_observer(mut self, observer: impl XdsObserver + 'static) -> Self {
        self.observers.push(Arc::new(observer));
        #[cfg(feature = "tls")]
        self.providers.set_observers(&self.observers);
        self
    }

    /// Returns the pool of the process, which channels use by default.
    #[must_use]
    pub fn global() -> Self {
        static GLOBAL: OnceLock<XdsPool> = OnceLock::new();
        GLOBAL.get_or_init(Self::new).clone()
    }

    /// Returns the states of all clients, in the order of their creation.
    ///
    /// Source: [gRFC A40](https://github.com/grpc/proposal/blob/master/A40-csds-support.md).
    #[must_use]
    pub fn dump(&self) -> Vec<ClientDump> {
        let dump = |client: &Arc<Client>| ClientDump {
            target: Arc::clone(&client.shared().target),
            node: client.shared().bootstrap.node.clone(),
            ads: client.dump(),
            certificate_providers: self.certificate_providers(client),
        };
        self.clients().iter().map(dump).collect()
    }

    /// Returns the clients in use, in the order of their creation.
    pub(super) fn clients(&self) -> Vec<Arc<Client>> {
        let clients = self.clients.lock();
        clients.iter().filter_map(Weak::upgrade).collect()
    }

    #[cfg(feature = "tls")]
    fn certificate_providers(&self, client: &Client) -> Vec<CertificateProviderDump> {
        let shared = client.shared();
        let runtime = &shared.links.runtime;
        let providers = super::server_certificates::providers_of(&shared.bootstrap);
        self.providers.dump(&providers, runtime)
    }

    #[cfg(not(feature = "tls"))]
    fn certificate_providers(&self, _: &Client) -> Vec<CertificateProviderDump> {
        Vec::new()
    }

    /// Returns the certificate providers in use, which all channels of the pool share.
    #[cfg(feature = "tls")]
    pub(super) fn providers(&self) -> &super::certificates::ProviderPool {
        &self.providers
    }

    /// Returns the calls in flight of the clusters, which all channels of the pool count together.
    pub(super) fn counters(&self) -> &ClusterCounters {
        &self.counters
    }

    /// Returns the client of a target, and starts it if there is none.
    pub(super) fn client(
        &self,
        target: &str,
        bootstrap: &Arc<Bootstrap>,
        links: &LinkOptions,
        decoder: impl FnOnce() -> Arc<dyn ResourceDecoder>,
    ) -> Arc<Client> {
        let mut clients = self.clients.lock();
        clients.retain(|client| client.strong_count() > 0);
        let is_same = |client: &Arc<Client>| {
            let shared = client.shared();
            *shared.target == *target
                && shared.bootstrap == *bootstrap
                && shared.links.runtime.is_same_as(&*links.runtime)
        };
        if let Some(client) = clients.iter().filter_map(Weak::upgrade).find(is_same) {
            return client;
        }
        let (client, shared) = Client::new(
            target.into(),
            Arc::clone(bootstrap),
            decoder(),
            links.clone(),
            self.observers.clone(),
        );
        let client = Arc::new(client);
        clients.push(Arc::downgrade(&client));
        links.runtime.spawn(Box::pin(ClientTask::run(shared)));
        client
    }
}

impl fmt::Debug for XdsPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = self.clients.lock().len();
        f.debug_struct("XdsPool")
            .field("clients", &clients)
            .finish_non_exhaustive()
    }
}
