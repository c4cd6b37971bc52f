//! The connector that goes through proxies.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use trunkline_endpoint::{Address, AttributeKey};
use trunkline_runtime::{BoxFuture, Runtime, Stream};

use super::destination::Destination;
use super::error::{ProxyError, ProxyErrorKind};
use super::handshake::Handshake;
use super::server::ProxyServer;
use super::settings::Proxy;
use super::tunnel::tunnel;
use crate::connector::{Connected, Connector};
use crate::progress::{ConnectProgress, ConnectStep};

/// The time for a proxy to answer, unless another is set. It is shorter than the time of a channel's
/// connection attempt (20 s), so that the error names the proxy.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Connects through proxies, and directly where [`Proxy`] chooses none.
///
/// The inner connector makes the stream to the proxy, and the direct connections. TLS belongs on
/// top: its connector has this one as its inner connector.
///
/// The address may choose the proxy itself, by the attribute [`ViaProxy`]. The peer of the stream is
/// the proxy. A tunnel does not protect the data:
/// [`SecurityLevel::None`](crate::SecurityLevel::None).
#[derive(Clone, Debug)]
pub struct ProxyConnector {
    runtime: Arc<dyn Runtime>,
    inner: Arc<dyn Connector>,
    proxy: Proxy,
    timeout: Duration,
}

/// The key of the proxy through which an address is connected to, whatever the channel's [`Proxy`]
/// chooses. A resolver sets it.
#[derive(Debug)]
pub enum ViaProxy {}

impl AttributeKey for ViaProxy {
    type Value = ProxyServer;
    const NAME: &'static str = "proxy";
    const IDENTIFIES_CONNECTION: bool = true;
}

impl ProxyConnector {
    /// Creates a connector that makes its streams with `inner`. Its timers are those of `runtime`.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>, inner: Arc<dyn Connector>, proxy: Proxy) -> Self {
        Self {
            runtime,
            inner,
            proxy,
            timeout: TIMEOUT,
        }
    }

    /// Sets how long a proxy may take to answer once it is connected. Default: 15 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Returns the proxy for an address, and what it is to connect to.
    fn choose(&self, address: &Address) -> io::Result<Option<(ProxyServer, Destination)>> {
        let Some(destination) = Destination::of(address.location()) else {
            return Ok(None);
        };
        let server = match address.attributes().get::<ViaProxy>() {
            Some(server) => Some(server.clone()),
            None => self.proxy.server_for(&destination)?,
        };
        Ok(server.map(|server| (server, destination)))
    }
}

impl Connector for ProxyConnector {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        self.connect_with_progress(address, ConnectProgress::ignored())
    }

    fn connect_with_progress(
        &self,
        address: &Address,
        progress: ConnectProgress,
    ) -> BoxFuture<io::Result<Connected>> {
        let (server, destination) = match self.choose(address) {
            Ok(Some(choice)) => choice,
            Ok(None) => return self.inner.connect_with_progress(address, progress),
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let at_proxy = server.address();
        let connecting = self
            .inner
            .connect_with_progress(&at_proxy, progress.clone());
        let (runtime, timeout) = (Arc::clone(&self.runtime), self.timeout);
        Box::pin(async move {
            let connected = connecting.await.map_err(|error| {
                let kind = ProxyErrorKind::Unreachable;
                ProxyError::new(&server, &destination, kind).with_source(error)
            })?;
            progress.begin(ConnectStep::Proxy);
            let tunnel = open_tunnel(&server, &destination, connected.stream, runtime, timeout);
            tunnel.await.map(Connected::plaintext)
        })
    }

    fn changed(&self) -> Option<BoxFuture<()>> {
        self.inner.changed()
    }
}

/// Asks the proxy at the other end of `stream` for a tunnel, for at most `timeout`, and returns it.
/// A [`ProxyConnector`] does that for each of its connections.
///
/// # Errors
///
/// When the proxy makes no tunnel: a [`ProxyError`] inside. The stream is then reset.
pub fn open_tunnel(
    server: &ProxyServer,
    destination: &Destination,
    stream: Box<dyn Stream>,
    runtime: Arc<dyn Runtime>,
    timeout: Duration,
) -> BoxFuture<io::Result<Box<dyn Stream>>> {
    let (server, destination) = (server.clone(), destination.clone());
    Box::pin(async move {
        let handshake = Handshake::new(&server, &destination);
        let made = tunnel(stream, handshake, &*runtime, timeout).await;
        made.map_err(|(kind, source)| {
            let error = ProxyError::new(&server, &destination, kind);
            match source {
                Some(source) => error.with_source(source).into(),
                None => error.into(),
            }
        })
    })
}
