//! The connector that is used where none is given.

use std::io;
use std::sync::Arc;

use trunkline_connect::io::{ConnectOptions, SystemLookup, connect_host};
use trunkline_endpoint::{Address, Location};
use trunkline_runtime::{BoxFuture, Runtime, Stream, TcpOptions, UnixAddr};
use trunkline_transport::Connector;

/// Connects straight to addresses: TCP, Unix sockets, and names that the system looks up.
#[derive(Debug)]
pub(crate) struct DirectConnector {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) tcp: TcpOptions,
}

impl Connector for DirectConnector {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        match address.location() {
            Location::Socket(peer) => self.runtime.connect_tcp(*peer, &self.tcp),
            Location::Unix(path) => self.runtime.connect_unix(&UnixAddr::from_path(path)),
            Location::UnixAbstract(name) => self
                .runtime
                .connect_unix(&UnixAddr::from_abstract_name(name)),
            // The one place where addresses race here: behind a name there may be several, and
            // the policy above knows of one.
            Location::Name { host, port } => {
                let runtime = Arc::clone(&self.runtime);
                let (host, port, tcp) = (Arc::clone(host), *port, self.tcp.clone());
                Box::pin(async move {
                    let mut options = ConnectOptions::default();
                    options.tcp = tcp;
                    let connected =
                        connect_host(&*runtime, &host, port, &SystemLookup, &options).await;
                    connected
                        .map(|connected| connected.stream)
                        .map_err(|error| io::Error::other(format!("{error}")))
                })
            }
            other => {
                let text = format!("this connector cannot reach {other}");
                Box::pin(async move { Err(io::Error::new(io::ErrorKind::Unsupported, text)) })
            }
        }
    }
}
