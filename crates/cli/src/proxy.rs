//! The proxies that the command line asks for.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use trunkline::connector::ProxyConnector;
use trunkline::{
    Address, BoxFuture, Connector, DirectConnector, Proxy, Runtime, Stream, TcpOptions, Timer,
    UdpOptions, UdpSocket, UnixAddr,
};

use crate::args::ProxyArgs;
use crate::failure::Failure;

impl ProxyArgs {
    /// Returns the proxies: those of the environment, one, or none.
    pub(crate) fn setting(&self) -> Result<Proxy, Failure> {
        match self.proxy.as_str() {
            "env" => Ok(Proxy::from_env()),
            "none" => Ok(Proxy::none()),
            url => Proxy::all(url).map_err(|error| unusable(&format!("--proxy is {error}"))),
        }
    }
}

/// Returns the failure of a proxy that cannot be used.
pub(crate) fn unusable(text: &str) -> Failure {
    Failure::unusable("invalid_proxy", text).suggest(Some(
        "give `--proxy http://host:port`, or `--proxy none` to connect directly",
    ))
}

/// A runtime whose TCP connections go through proxies: what races them need not know.
pub(crate) struct ProxiedRuntime {
    inner: Arc<dyn Runtime>,
    proxy: Proxy,
}

impl ProxiedRuntime {
    pub(crate) fn new(inner: Arc<dyn Runtime>, proxy: Proxy) -> Self {
        Self { inner, proxy }
    }
}

impl Runtime for ProxiedRuntime {
    fn attach(&self) -> io::Result<()> {
        self.inner.attach()
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn system_time(&self) -> SystemTime {
        self.inner.system_time()
    }

    fn timer(&self) -> Box<dyn Timer> {
        self.inner.timer()
    }

    fn far_timer(&self) -> Box<dyn Timer> {
        self.inner.far_timer()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.inner.spawn(task);
    }

    fn spawn_driver(&self, task: BoxFuture<()>) {
        self.inner.spawn_driver(task);
    }

    fn fill_entropy(&self, bytes: &mut [u8]) {
        self.inner.fill_entropy(bytes);
    }

    fn connect_tcp(
        &self,
        peer: SocketAddr,
        options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        let direct = DirectConnector::new(Arc::clone(&self.inner)).with_tcp(options.clone());
        let runtime = Arc::clone(&self.inner);
        let connector = ProxyConnector::new(runtime, Arc::new(direct), self.proxy.clone());
        let connecting = connector.connect(&Address::from(peer));
        Box::pin(async move { connecting.await.map(|connected| connected.stream) })
    }

    fn connect_unix(&self, peer: &UnixAddr) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        self.inner.connect_unix(peer)
    }

    fn connect_udp(
        &self,
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        self.inner.connect_udp(peer, options)
    }

    fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr> {
        self.inner.source_address(destination)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.inner.variable(name)
    }

    fn interface_index(&self, name: &str) -> io::Result<u32> {
        self.inner.interface_index(name)
    }

    fn lookup_host(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        self.inner.lookup_host(host, port)
    }
}

impl fmt::Debug for ProxiedRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
