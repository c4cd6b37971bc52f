//! A simulated TLS server, and a client of it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_rustls::TlsAcceptor;
use futures_rustls::rustls::version::{TLS12, TLS13};
use futures_rustls::rustls::{ServerConfig, SupportedProtocolVersion};
use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use trunkline_connector::tls::{Tls, TlsConnector, TlsError, TlsErrorKind};
use trunkline_connector::{Connected, Connector, DirectConnector};
use trunkline_endpoint::Address;
use trunkline_runtime::Stream;
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{Authority, Issued, server_config};

type Versions = &'static [&'static SupportedProtocolVersion];

pub(crate) const ONLY_TLS12: Versions = &[&TLS12];
pub(crate) const ONLY_TLS13: Versions = &[&TLS13];
pub(crate) const BOTH_VERSIONS: Versions = &[&TLS13, &TLS12];

pub(crate) const NAME: &str = "orders.test";

pub(crate) fn address() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 443))
}

/// A server that sends back what it receives.
pub(crate) struct Server(Arc<Mutex<Arc<ServerConfig>>>);

impl Server {
    /// Replaces the configuration of later connections.
    pub(crate) fn set_config(&self, config: Arc<ServerConfig>) {
        *self.0.lock().expect("no panic") = config;
    }
}

/// Starts a server that sends back what it receives.
pub(crate) fn serve(sim: &Sim, config: Arc<ServerConfig>) -> Server {
    let current = Arc::new(Mutex::new(config));
    let shared = Arc::clone(&current);
    serve_raw(sim, move |stream| {
        let config = Arc::clone(&shared.lock().expect("no panic"));
        async move {
            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                let (reader, mut writer) = stream.split();
                let _ = futures_util::io::copy(reader, &mut writer).await;
                let _ = writer.close().await;
            }
        }
    });
    Server(current)
}

/// Starts a server whose connections are all handled by `handle`.
pub(crate) fn serve_raw<F>(sim: &Sim, handle: impl Fn(Box<dyn Stream>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut listener = sim.net().listen(address()).expect("a free address");
    let runtime = sim.runtime();
    sim.spawn("server", async move {
        while let Ok((stream, _)) = listener.accept().await {
            runtime.spawn(Box::pin(handle(stream)));
        }
    });
}

pub(crate) fn connector(sim: &Sim, tls: &Tls, authority: &str) -> Result<TlsConnector, TlsError> {
    let direct = Arc::new(DirectConnector::new(sim.runtime()));
    TlsConnector::new(direct, tls, authority, sim.runtime())
}

/// Connects to the server for [`NAME`].
pub(crate) fn connect(sim: &Sim, tls: &Tls) -> io::Result<Connected> {
    connect_for(sim, tls, NAME)
}

/// Connects, exchanges a few bytes, and returns the connection.
pub(crate) fn connect_for(sim: &Sim, tls: &Tls, authority: &str) -> io::Result<Connected> {
    let connector = connector(sim, tls, authority).expect("valid options");
    sim.run(connect_with(&connector))
}

/// Connects, exchanges a few bytes, and returns the connection. A server checks a client's
/// certificate after a handshake of TLS 1.3, so only an exchange shows that it was accepted.
pub(crate) async fn connect_with(connector: &TlsConnector) -> io::Result<Connected> {
    let mut connected = connector.connect(&Address::new(address())).await?;
    exchange(&mut connected.stream).await?;
    Ok(connected)
}

pub(crate) async fn exchange(stream: &mut Box<dyn Stream>) -> io::Result<()> {
    stream.write_all(b"ping").await?;
    stream.flush().await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"ping");
    Ok(())
}

/// Returns the kind and the text of a failed connection.
pub(crate) fn failure<T>(result: io::Result<T>) -> (TlsErrorKind, String) {
    let error = result.err().expect("a failure");
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    let tls: &TlsError = tls.unwrap_or_else(|| panic!("an error of TLS: {error:?}"));
    assert_eq!(tls.to_string(), error.to_string());
    (tls.kind(), tls.to_string())
}

/// Checks how a connection to a server with this certificate fails.
pub(crate) fn check(authority: &Authority, server: &Issued, kind: TlsErrorKind, text: &str) {
    let sim = Sim::new(1);
    serve(&sim, server_config(server));
    let result = connect(&sim, &Tls::new().with_ca_pem(authority.pem()));
    assert_eq!(failure(result), (kind, text.to_owned()));
}
