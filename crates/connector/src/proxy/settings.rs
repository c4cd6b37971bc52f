//! Which proxy a channel uses.

use std::io;
use std::sync::Arc;

use super::destination::Destination;
use super::environment::Environment;
use super::mapper::{FnMapper, ProxyMapper, TargetRoute};
use super::no_proxy::NoProxy;
use super::server::{ProxyServer, ProxyUrlError};

/// Which proxy a channel uses for which destinations. A clone is cheap.
///
/// The proxy makes a tunnel: TLS and HTTP/2 run between this side and the backend, and the proxy
/// sees the destination only. Unix sockets are never connected to through a proxy.
///
/// A target of the scheme `dns` that is mapped to a proxy is looked up by the proxy. The channel
/// then has one endpoint, one connection, and no service config from DNS: the proxy decides which
/// backend is connected. [`with_local_lookup`](Self::with_local_lookup) has names looked up on this
/// side, so that the channel balances its calls over all backends, each through the proxy. A target
/// that names its DNS server (`dns://server/name`) is looked up there, and a proxy is chosen for
/// each address.
///
/// ```
/// use trunkline_connector::Proxy;
///
/// let variables = [("https_proxy", "http://proxy.corp:3128"), ("no_proxy", ".svc,10.0.0.0/8")];
/// let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
/// let proxy = Proxy::from_variables(|name| find(name).map(|(_, value)| (*value).to_owned()));
/// let fixed = Proxy::all("http://user:secret@proxy.corp:3128")?;
/// # let _ = (proxy, fixed);
/// # Ok::<_, trunkline_connector::ProxyUrlError>(())
/// ```
///
/// Source: [gRFC A1](https://github.com/grpc/proposal/blob/master/A1-http-connect-proxy-support.md).
#[derive(Clone, Debug)]
#[must_use]
pub struct Proxy {
    /// `None` for no proxy at all.
    mapper: Option<Arc<dyn ProxyMapper>>,
    no_proxy: NoProxy,
    looks_up_locally: bool,
}

impl Proxy {
    fn new(mapper: Option<Arc<dyn ProxyMapper>>) -> Self {
        Self {
            mapper,
            no_proxy: NoProxy::new(),
            looks_up_locally: false,
        }
    }

    /// Returns the setting without a proxy, whatever the environment has.
    pub fn none() -> Self {
        Self::new(None)
    }

    /// Returns the proxies that the environment of this process names now. See
    /// [`from_variables`](Self::from_variables).
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Returns the proxies that environment variables name; `get` returns the value of one, or
    /// `None` if it is not set.
    ///
    /// * The proxy is in the first of these that is set: `grpc_proxy`, `https_proxy`, `http_proxy`.
    ///   An empty value means that there is no proxy. See [`ProxyServer`] for the form of the URL.
    /// * The destinations without a proxy are in the first of these that is set: `no_grpc_proxy`,
    ///   `no_proxy`. See [`NoProxy`].
    /// * Each may be in upper case too, `http_proxy` excepted. Lower case has precedence.
    /// * `localhost` and loopback addresses never get this proxy.
    /// * Addresses listed in `GRPC_ADDRESS_HTTP_PROXY_ENABLED_ADDRESSES` use the proxy in
    ///   `GRPC_ADDRESS_HTTP_PROXY`, unless the proxy above looks up their name.
    ///
    /// A variable that has no valid URL is an error where its proxy would be used.
    ///
    /// Source: [the default HTTP proxy mapper of gRPC](https://github.com/grpc/grpc/blob/master/doc/default_http_proxy_mapper.md).
    /// Differences: SOCKS, upper case (Go, curl), and no proxy for this host itself (Go).
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Self {
        Self::from_mapper(Environment::new(get))
    }

    /// Returns the setting with one proxy, by its URL, for every destination, loopback too.
    ///
    /// # Errors
    ///
    /// When the URL names no proxy that can be used; see [`ProxyServer`].
    pub fn all(url: &str) -> Result<Self, ProxyUrlError> {
        url.parse().map(Self::server)
    }

    /// Returns the setting with one proxy for every destination, loopback too.
    pub fn server(server: ProxyServer) -> Self {
        Self::from_fn(move |_| Some(server.clone()))
    }

    /// Returns a setting with a function from a destination to its proxy; `None` for a direct
    /// connection.
    ///
    /// It is called with the name in a target first, when the channel is built. If it returns
    /// `None` there, it is called again with each address of the name.
    pub fn from_fn(
        map: impl Fn(&Destination) -> Option<ProxyServer> + Send + Sync + 'static,
    ) -> Self {
        Self::from_mapper(FnMapper(map))
    }

    /// Returns a setting with a mapper of your own.
    pub fn from_mapper(mapper: impl ProxyMapper + 'static) -> Self {
        Self::new(Some(Arc::new(mapper)))
    }

    /// Connects to these destinations directly, without asking the mapper.
    pub fn with_no_proxy(mut self, destinations: NoProxy) -> Self {
        self.no_proxy = destinations;
        self
    }

    /// Looks names up on this side, and chooses a proxy for each address. Default: the proxy looks
    /// up the names that are mapped to it.
    pub fn with_local_lookup(mut self, is_local: bool) -> Self {
        self.looks_up_locally = is_local;
        self
    }

    /// Chooses for a target before its name is looked up; see [`ProxyMapper::map_target`].
    ///
    /// # Errors
    ///
    /// Those of the mapper.
    pub fn route(&self, target: &Destination) -> io::Result<TargetRoute> {
        let Some(mapper) = &self.mapper else {
            return Ok(TargetRoute::ByAddress);
        };
        if self.no_proxy.contains(target) {
            return Ok(TargetRoute::Direct);
        }
        Ok(match mapper.map_target(target)? {
            TargetRoute::Via(_) if self.looks_up_locally => TargetRoute::ByAddress,
            route => route,
        })
    }

    /// Chooses for one connection; see [`ProxyMapper::map_address`].
    ///
    /// # Errors
    ///
    /// Those of the mapper.
    pub fn server_for(&self, address: &Destination) -> io::Result<Option<ProxyServer>> {
        match &self.mapper {
            Some(mapper) if !self.no_proxy.contains(address) => mapper.map_address(address),
            _ => Ok(None),
        }
    }
}
