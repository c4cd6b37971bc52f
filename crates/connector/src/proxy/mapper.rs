//! The trait that chooses a proxy.

use std::fmt::{self, Debug};
use std::io;

use super::destination::Destination;
use super::server::ProxyServer;

/// Chooses the proxy of each connection.
///
/// A closure is one, too: see [`Proxy::from_fn`](crate::Proxy::from_fn).
///
/// # Examples
///
/// ```
/// use std::io;
/// use trunkline_connector::{Destination, Proxy, ProxyMapper, ProxyServer, TargetRoute};
///
/// /// Has a proxy for each region, which is the last label of a name: `orders.eu`, `orders.us`.
/// #[derive(Debug)]
/// struct ByRegion {
///     eu: ProxyServer,
///     us: ProxyServer,
/// }
///
/// impl ProxyMapper for ByRegion {
///     fn map_target(&self, target: &Destination) -> io::Result<TargetRoute> {
///         match target.name().and_then(|name| name.rsplit('.').next()) {
///             None => Ok(TargetRoute::Direct),
///             Some("eu") => Ok(TargetRoute::Via(self.eu.clone())),
///             Some("us") => Ok(TargetRoute::Via(self.us.clone())),
///             Some(region) => {
///                 let text = format!("there is no proxy for the region `{region}`");
///                 Err(io::Error::new(io::ErrorKind::NotFound, text))
///             }
///         }
///     }
///
///     fn map_address(&self, _: &Destination) -> io::Result<Option<ProxyServer>> {
///         Ok(None)
///     }
/// }
///
/// let eu = "http://proxy.eu:3128".parse()?;
/// let us = "socks5://proxy.us:1080".parse()?;
/// let proxy = Proxy::from_mapper(ByRegion { eu, us });
/// assert!(proxy.route(&Destination::new("orders.asia", 443)).is_err());
/// # Ok::<(), trunkline_connector::ProxyUrlError>(())
/// ```
///
/// Source: the two entry points of a proxy mapper in
/// [gRFC A1](https://github.com/grpc/proposal/blob/master/A1-http-connect-proxy-support.md).
pub trait ProxyMapper: Debug + Send + Sync {
    /// Chooses for a target before its name is looked up. Asked once, when a channel is built, for
    /// the schemes `dns` and `srv`.
    ///
    /// # Errors
    ///
    /// When the proxy to use is not known; the channel is not built. The text names the
    /// configuration that is wrong.
    fn map_target(&self, target: &Destination) -> io::Result<TargetRoute>;

    /// Chooses for one connection: the proxy, or `None` for a direct connection. Not asked for Unix
    /// sockets.
    ///
    /// # Errors
    ///
    /// When the proxy to use is not known; the connection attempt fails. The text names the
    /// configuration that is wrong.
    fn map_address(&self, address: &Destination) -> io::Result<Option<ProxyServer>>;
}

/// How the backends of a target are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetRoute {
    /// Through this proxy, which looks the name up too: there is one endpoint, and no service
    /// config.
    Via(ProxyServer),
    /// The name is looked up here, and [`ProxyMapper::map_address`] chooses for each address.
    ByAddress,
    /// The name is looked up here, and all its addresses are connected to directly.
    Direct,
}

/// A mapper made of a function from a destination to its proxy.
pub(crate) struct FnMapper<F>(pub(crate) F);

impl<F> ProxyMapper for FnMapper<F>
where
    F: Fn(&Destination) -> Option<ProxyServer> + Send + Sync,
{
    fn map_target(&self, target: &Destination) -> io::Result<TargetRoute> {
        Ok(self.0(target).map_or(TargetRoute::ByAddress, TargetRoute::Via))
    }

    fn map_address(&self, address: &Destination) -> io::Result<Option<ProxyServer>> {
        Ok(self.0(address))
    }
}

impl<F> Debug for FnMapper<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FnMapper").finish_non_exhaustive()
    }
}
