//! How the channels of a program use xDS.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use trunkline_lb::PolicyRegistry;
use trunkline_resolver::{ResolveError, ResolveErrorKind, ResolverRegistry};
use trunkline_runtime::Runtime;
use trunkline_target::Target;

use super::client::Client;
use super::link::LinkOptions;
use super::pool::XdsPool;
use crate::core::{Bootstrap, BootstrapError, Decoder, ResourceName};
#[cfg(feature = "tls")]
use crate::policies::CdsFactory;
use crate::policies::registry;

/// The longest message of a server that is accepted by default, in bytes: 64 MiB. The control plane of
/// a large mesh sends all clusters in one message.
const MESSAGE_LIMIT: usize = 64 << 20;

/// Gives a channel the scheme `xds`: its endpoints, routes and policies come from a control plane.
///
/// Without a bootstrap of the program, the one of the environment is read when the channel is first
/// used: the file that `GRPC_XDS_BOOTSTRAP` names, or else the JSON in `GRPC_XDS_BOOTSTRAP_CONFIG`. While
/// there is none, calls fail with the reason, and it is read again with back-off.
///
/// # Examples
///
/// ```
/// use trunkline_channel::Channel;
/// use trunkline_xds::Xds;
/// use trunkline_xds::core::{Bootstrap, Node, ServerConfig};
///
/// # let sim = trunkline_sim::Sim::new(1);
/// let bootstrap = Bootstrap::new(ServerConfig::insecure("dns:///plane.example:18000"))
///     .with_node(Node::new("orders-7f9c"));
/// let channel = Channel::builder("xds:///orders")
///     .with(Xds::new().with_bootstrap(bootstrap))
///     .plaintext()
/// #   .runtime(sim.runtime())
///     .build()?;
/// # Ok::<(), trunkline_channel::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Xds {
    source: Source,
    pool: XdsPool,
    message_limit: usize,
    policies: PolicyRegistry,
    resolvers: ResolverRegistry,
    #[cfg(feature = "tls")]
    has_credentials: bool,
}

/// Where the bootstrap is.
#[derive(Clone)]
enum Source {
    Value(Arc<Bootstrap>),
    Function(Arc<Load>),
}

/// Reads a bootstrap.
type Load = dyn Fn(&dyn Runtime) -> Result<Bootstrap, BootstrapError> + Send + Sync;

impl Xds {
    /// Returns xDS with the bootstrap of the environment, and the clients of the process.
    #[must_use]
    pub fn new() -> Self {
        Self {
            source: Source::Function(Arc::new(environment)),
            pool: XdsPool::global(),
            message_limit: MESSAGE_LIMIT,
            policies: PolicyRegistry::standard(),
            resolvers: ResolverRegistry::standard(),
            #[cfg(feature = "tls")]
            has_credentials: false,
        }
    }

    /// Sets the bootstrap. Default: that of the environment.
    #[must_use]
    pub fn with_bootstrap(mut self, bootstrap: Bootstrap) -> Self {
        self.source = Source::Value(Arc::new(bootstrap));
        self
    }

    /// Sets how the bootstrap is found when a channel is first used, and again with back-off while there
    /// is none. It must not block for long. Default: that of the environment.
    #[must_use]
    pub fn with_bootstrap_from(
        mut self,
        load: impl Fn() -> Result<Bootstrap, BootstrapError> + Send + Sync + 'static,
    ) -> Self {
        self.source = Source::Function(Arc::new(move |_| load()));
        self
    }

    /// Sets the clients that the channel shares with others. Default: those of the process.
    #[must_use]
    pub fn with_pool(mut self, pool: XdsPool) -> Self {
        self.pool = pool;
        self
    }

    /// Sets the longest message of a server that is accepted, in bytes; it counts for a client that this
    /// channel starts. Default: 64 MiB.
    #[must_use]
    pub fn with_message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = bytes;
        self
    }

    /// Adds load-balancing policies that clusters can name. Default: those of Trunkline.
    #[must_use]
    pub fn with_policies(mut self, policies: PolicyRegistry) -> Self {
        self.policies.merge(policies);
        self
    }

    /// Adds resolvers, for the URIs of servers and for the host names of clusters (those of the scheme
    /// `dns`). Default: those of Trunkline.
    #[must_use]
    pub fn with_resolvers(mut self, resolvers: ResolverRegistry) -> Self {
        self.resolvers.merge(resolvers);
        self
    }

    /// Uses TLS to the backends of clusters that ask for it (`transport_socket`), with the certificates of
    /// `certificate_providers` in the bootstrap. Other clusters have the security that the channel chooses
    /// with `.plaintext()` or `.tls(..)`, which is never used after an error of TLS.
    ///
    /// The files of certificates are read when a cluster names their provider, and again after each
    /// `refresh_interval`; new contents are for new connections. Files that cannot be used leave in use what
    /// was read before, [`XdsPool::dump`] has the reason, and a certificate and its key are replaced together.
    /// While there is nothing yet, files are read each second; a connection waits up to 10 s for them, and
    /// then fails with the reason.
    ///
    /// What a cluster asks for is in force for the connections that are made from then on; those that exist
    /// stay.
    ///
    /// Default: what clusters ask for is checked, and not used.
    ///
    /// Source: [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_xds_credentials(mut self) -> Self {
        self.has_credentials = true;
        self
    }

    /// Returns where a new channel keeps what its clusters ask for; `None` if they choose nothing.
    #[cfg(feature = "tls")]
    pub(super) fn new_security(&self) -> Option<super::cluster_security::ClusterSecurity> {
        let providers = self.pool.providers();
        let new = || super::cluster_security::ClusterSecurity::new(providers.clone());
        self.has_credentials.then(new)
    }

    /// Returns the resolvers for servers and host names.
    pub(super) fn resolvers(&self) -> &ResolverRegistry {
        &self.resolvers
    }

    /// Returns the bootstrap that the program gave.
    pub(super) fn own_bootstrap(&self) -> Option<&Arc<Bootstrap>> {
        match &self.source {
            Source::Value(bootstrap) => Some(bootstrap),
            Source::Function(_) => None,
        }
    }

    /// Finds the bootstrap.
    pub(super) fn load(&self, runtime: &dyn Runtime) -> Result<Arc<Bootstrap>, BootstrapError> {
        match &self.source {
            Source::Value(bootstrap) => Ok(Arc::clone(bootstrap)),
            Source::Function(load) => load(runtime).map(Arc::new),
        }
    }

    /// Returns the name of the listener of a target.
    pub(super) fn listener_name(
        &self,
        bootstrap: &Bootstrap,
        target: &Target,
    ) -> Result<ResourceName, ResolveError> {
        bootstrap.listener_name(target).map_err(|error| {
            let text = format!("xds bootstrap: {error}");
            ResolveError::new(ResolveErrorKind::InvalidName, text).with_source(error)
        })
    }

    /// Returns the client of a target.
    pub(super) fn client(
        &self,
        target: &Target,
        bootstrap: &Arc<Bootstrap>,
        runtime: &Arc<dyn Runtime>,
    ) -> Arc<Client> {
        let decoder = || {
            let providers = bootstrap.certificate_providers.clone();
            let decoder = Decoder::new(self.all_policies()).with_certificate_providers(providers);
            Arc::new(decoder) as _
        };
        let links = LinkOptions {
            runtime: Arc::clone(runtime),
            resolvers: self.resolvers.clone(),
            message_limit: self.message_limit,
            #[cfg(feature = "tls")]
            providers: self.pool.providers().clone(),
        };
        self.pool
            .client(target.as_str(), bootstrap, &links, decoder)
    }

    /// Returns the policies of a channel, with those that only xDS needs.
    pub(super) fn all_policies(&self) -> PolicyRegistry {
        let mut policies = self.policies.clone();
        policies.merge(registry(self.pool.counters()));
        #[cfg(feature = "tls")]
        if self.has_credentials {
            let cds = CdsFactory::new().with_cluster_security(true);
            policies.merge(PolicyRegistry::empty().with(cds));
        }
        policies
    }
}

/// Reads the bootstrap of the environment.
fn environment(runtime: &dyn Runtime) -> Result<Bootstrap, BootstrapError> {
    Bootstrap::find(
        |name| runtime.variable(name),
        |file: &Path| std::fs::read_to_string(file),
    )
}

impl Default for Xds {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Xds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xds")
            .field("bootstrap", &self.own_bootstrap())
            .field("pool", &self.pool)
            .field("message_limit", &self.message_limit)
            .finish_non_exhaustive()
    }
}
