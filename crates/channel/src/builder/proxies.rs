//! How a channel's proxies and its resolver fit together.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use trunkline_connector::{Connector, Destination, Proxy, ProxyConnector, ProxyServer};
use trunkline_connector::{TargetRoute, ViaProxy};
use trunkline_endpoint::{Address, Attributes, Endpoint, Location};
use trunkline_resolver::{ResolverFactory, StaticFactory};
use trunkline_runtime::Runtime;
use trunkline_target::{Target, TargetView};

use crate::error::{BuildError, BuildErrorKind};

/// The proxies of a channel, as the builder's options decide them.
#[derive(Debug)]
pub(crate) struct Proxies {
    proxy: Proxy,
    /// The resolver in place of the target's, where a proxy looks the name up.
    resolver: Option<StaticFactory>,
}

impl Proxies {
    /// Asks `proxy` how the backends of `target` are reached.
    ///
    /// The names of `dns` targets are passed to the proxy, unless the application chose where they
    /// are looked up: it gave a resolver of its own (`is_own_resolver`), or the target names its DNS
    /// server.
    ///
    /// # Errors
    ///
    /// When the proxy to use is not known.
    ///
    /// Source: [gRFC A1, case 1](https://github.com/grpc/proposal/blob/master/A1-http-connect-proxy-support.md).
    pub(crate) fn new(
        proxy: Proxy,
        target: &Target,
        is_own_resolver: bool,
    ) -> Result<Self, BuildError> {
        let Some((destination, may_pass)) = named(target) else {
            return Ok(Self::of_addresses(proxy));
        };
        let route = proxy.route(&destination).map_err(|error| {
            let text = format!("no proxy is known for the target `{target}`: {error}");
            BuildError::new(BuildErrorKind::Proxy, text).with_source(error)
        })?;
        Ok(match route {
            TargetRoute::Direct => Self::of_addresses(Proxy::none()),
            TargetRoute::Via(server) if may_pass && !is_own_resolver => Self {
                proxy,
                resolver: Some(one_endpoint(target.scheme(), &destination, server)),
            },
            TargetRoute::Via(_) | TargetRoute::ByAddress => Self::of_addresses(proxy),
        })
    }

    /// Chooses for each address, with the target's own resolver.
    fn of_addresses(proxy: Proxy) -> Self {
        let resolver = None;
        Self { proxy, resolver }
    }

    /// Returns the resolver to use, given the target's own.
    pub(crate) fn resolver(&self, own: Arc<dyn ResolverFactory>) -> Arc<dyn ResolverFactory> {
        match &self.resolver {
            Some(resolver) => Arc::new(resolver.clone()),
            None => own,
        }
    }

    /// Returns the connector to use, over `inner`.
    pub(crate) fn connector(
        self,
        runtime: &Arc<dyn Runtime>,
        inner: Arc<dyn Connector>,
    ) -> Arc<dyn Connector> {
        Arc::new(ProxyConnector::new(Arc::clone(runtime), inner, self.proxy))
    }
}

/// Returns the name in a target that is looked up, and whether a proxy may look it up instead.
fn named(target: &Target) -> Option<(Destination, bool)> {
    match target.view() {
        // A link-local address, with its zone, has no meaning on another host.
        TargetView::Dns { host, .. } if host.zone().is_some() => None,
        TargetView::Dns { host, port, server } => {
            let host = host.as_str().trim_end_matches('.');
            Some((Destination::new(host, *port), server.is_none()))
        }
        // The records of the service have the port.
        TargetView::Srv { name, .. } => {
            Some((Destination::new(name.trim_end_matches('.'), 0), false))
        }
        _ => None,
    }
}

/// Returns a resolver whose only endpoint is `destination`, reached through `server`.
fn one_endpoint(scheme: &str, destination: &Destination, server: ProxyServer) -> StaticFactory {
    let port = destination.port();
    let location = match destination.ip() {
        Some(ip) => Location::from(SocketAddr::new(IpAddr::to_canonical(&ip), port)),
        None => Location::Name {
            host: destination.name().unwrap_or_default().into(),
            port,
        },
    };
    let via = Attributes::new().with::<ViaProxy>(server);
    let address = Address::new(location).with_attributes(via);
    StaticFactory::from_endpoints(scheme, [Endpoint::new([address])])
}
