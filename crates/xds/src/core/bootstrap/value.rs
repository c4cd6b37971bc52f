//! A bootstrap as a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::certificate_provider::CertificateProvider;
use super::node::Node;
use crate::core::names::AuthorityName;
use crate::core::server::ServerConfig;

/// The template of listener names where neither the bootstrap nor an authority has one.
pub(super) const DEFAULT_TEMPLATE: &str = "%s";

/// Which servers a client asks for which resources, and how it describes itself to them.
///
/// It is made in code, or parsed from the JSON that xDS clients of gRPC share.
///
/// # Examples
///
/// ```
/// use trunkline_xds::core::{Bootstrap, Node, ServerConfig};
///
/// let bootstrap = Bootstrap::new(ServerConfig::insecure("dns:///plane.example:18000"))
///     .with_node(Node::new("orders-7f9c"));
/// assert_eq!(bootstrap.servers.len(), 1);
/// ```
///
/// Source: [gRFC A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md),
/// [A47](https://github.com/grpc/proposal/blob/master/A47-xds-federation.md).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bootstrap {
    /// The servers of resources whose names have no authority, best first; never empty. The next one
    /// is asked while those before it cannot be reached.
    pub servers: Vec<Arc<ServerConfig>>,
    /// How the client describes itself.
    pub node: Node,
    /// The authorities of `xdstp:` names and of targets such as `xds://authority/name`. Default:
    /// none. The key `""` has the names without an authority.
    pub authorities: BTreeMap<Arc<str>, Authority>,
    /// The template of the listener's name for targets without an authority: each `%s` is the path of
    /// the target. Default: `%s`.
    pub listener_name_template: String,
    /// Where certificates for connections to backends come from, by the name of the instance.
    /// Default: none.
    pub certificate_providers: BTreeMap<Arc<str>, CertificateProvider>,
}

/// One authority of a bootstrap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authority {
    /// Its servers, best first. Default: none, which means the top level's.
    pub servers: Vec<Arc<ServerConfig>>,
    /// The template of the listener's name for targets with this authority; it begins with
    /// `xdstp://<authority>/`. Default: `None`, which means
    /// `xdstp://<authority>/envoy.config.listener.v3.Listener/%s`.
    pub listener_name_template: Option<String>,
    /// Falls back to the next server whenever one cannot be reached, also if all resources are
    /// cached. Default: false.
    pub fallback_on_reachability_only: bool,
}

impl Bootstrap {
    /// Returns a bootstrap with this server, and the defaults for everything else.
    #[must_use]
    pub fn new(server: ServerConfig) -> Self {
        Self {
            servers: vec![Arc::new(server)],
            node: Node::default(),
            authorities: BTreeMap::new(),
            listener_name_template: DEFAULT_TEMPLATE.to_owned(),
            certificate_providers: BTreeMap::new(),
        }
    }

    /// Adds a server, which is asked while those before it cannot be reached.
    #[must_use]
    pub fn with_fallback(mut self, server: ServerConfig) -> Self {
        self.servers.push(Arc::new(server));
        self
    }

    /// Sets how the client describes itself.
    #[must_use]
    pub fn with_node(mut self, node: Node) -> Self {
        self.node = node;
        self
    }

    /// Adds an authority, or replaces the one with this name.
    #[must_use]
    pub fn with_authority(mut self, name: impl Into<Arc<str>>, authority: Authority) -> Self {
        self.authorities.insert(name.into(), authority);
        self
    }

    /// Sets the template of the listener's name for targets without an authority.
    #[must_use]
    pub fn with_listener_name_template(mut self, template: impl Into<String>) -> Self {
        self.listener_name_template = template.into();
        self
    }

    /// Adds a provider of certificates, or replaces the one with this name.
    #[must_use]
    pub fn with_certificate_provider(
        mut self,
        name: impl Into<Arc<str>>,
        provider: CertificateProvider,
    ) -> Self {
        self.certificate_providers.insert(name.into(), provider);
        self
    }

    /// Returns all servers: those of the top level, then those of each authority. A server can be there more
    /// than once.
    pub fn all_servers(&self) -> impl Iterator<Item = &Arc<ServerConfig>> {
        let of_authorities = self.authorities.values();
        let of_authorities = of_authorities.flat_map(|authority| &authority.servers);
        self.servers.iter().chain(of_authorities)
    }

    /// Returns the servers of an authority, best first; `None` if the bootstrap does not have it.
    #[must_use]
    pub fn servers_of(&self, authority: &AuthorityName) -> Option<&[Arc<ServerConfig>]> {
        let AuthorityName::Named(name) = authority else {
            return Some(&self.servers);
        };
        let own = &self.authorities.get(name)?.servers;
        Some(if own.is_empty() { &self.servers } else { own })
    }

    /// Returns whether an authority falls back whenever a server cannot be reached (gRFC A95).
    #[must_use]
    pub fn falls_back_on_reachability_only(&self, authority: &AuthorityName) -> bool {
        match authority {
            AuthorityName::Old => false,
            AuthorityName::Named(name) => self
                .authorities
                .get(name)
                .is_some_and(|authority| authority.fallback_on_reachability_only),
        }
    }
}

impl Authority {
    /// Returns an authority with the top level's servers and the default template.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a server of its own. The first one replaces the top level's.
    #[must_use]
    pub fn with_server(mut self, server: ServerConfig) -> Self {
        self.servers.push(Arc::new(server));
        self
    }

    /// Sets the template of the listener's name.
    #[must_use]
    pub fn with_listener_name_template(mut self, template: impl Into<String>) -> Self {
        self.listener_name_template = Some(template.into());
        self
    }

    /// Sets [`fallback_on_reachability_only`](Self::fallback_on_reachability_only).
    #[must_use]
    pub fn with_fallback_on_reachability_only(mut self, is_on: bool) -> Self {
        self.fallback_on_reachability_only = is_on;
        self
    }
}
