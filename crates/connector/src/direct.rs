//! The default connector: plain sockets.

use std::io;
use std::sync::Arc;

use trunkline_connect::RaceReport;
use trunkline_connect::io::{ConnectOptions, SystemLookup, connect_host};
use trunkline_endpoint::{Address, Location};
use trunkline_runtime::{BoxFuture, Runtime, Stream, TcpOptions, UnixAddr};

use crate::connector::{Connected, Connector};
use crate::progress::{AddressTried, ConnectProgress};

/// Connects directly: over TCP, to Unix sockets, and to names that the system looks up.
///
/// The streams have no protection, Unix sockets included:
/// [`SecurityLevel::None`](crate::SecurityLevel::None).
#[derive(Clone, Debug)]
pub struct DirectConnector {
    runtime: Arc<dyn Runtime>,
    tcp: TcpOptions,
}

impl DirectConnector {
    /// Creates a connector that makes its sockets with `runtime`, and TCP sockets with the default
    /// options.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self {
            runtime,
            tcp: TcpOptions::default(),
        }
    }

    /// Replaces the options of TCP sockets.
    #[must_use]
    pub fn with_tcp(mut self, options: TcpOptions) -> Self {
        self.tcp = options;
        self
    }

    fn stream_to(
        &self,
        location: &Location,
        progress: ConnectProgress,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        match location {
            Location::Socket(peer) => self.runtime.connect_tcp(*peer, &self.tcp),
            Location::Unix(path) => self.runtime.connect_unix(&UnixAddr::from_path(path)),
            Location::UnixAbstract(name) => self
                .runtime
                .connect_unix(&UnixAddr::from_abstract_name(name)),
            // The only place in a channel where addresses race below a policy: a name can have
            // several addresses, and the policy knows only the name.
            Location::Name { host, port } => {
                let runtime = Arc::clone(&self.runtime);
                let (host, port, tcp) = (Arc::clone(host), *port, self.tcp.clone());
                Box::pin(async move {
                    let options = ConnectOptions::default().with_tcp(tcp);
                    match connect_host(&*runtime, &host, port, &SystemLookup, &options).await {
                        Ok(winner) => {
                            report_tries(&winner.report, &progress);
                            Ok(winner.stream)
                        }
                        Err(error) => {
                            report_tries(error.report(), &progress);
                            Err(error.into())
                        }
                    }
                })
            }
            other => {
                let text = format!("this connector cannot reach {other}");
                Box::pin(async move { Err(io::Error::new(io::ErrorKind::Unsupported, text)) })
            }
        }
    }
}

impl Connector for DirectConnector {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        self.connect_with_progress(address, ConnectProgress::ignored())
    }

    fn connect_with_progress(
        &self,
        address: &Address,
        progress: ConnectProgress,
    ) -> BoxFuture<io::Result<Connected>> {
        let stream = self.stream_to(address.location(), progress);
        Box::pin(async move { stream.await.map(Connected::plaintext) })
    }
}

/// Reports the addresses that a race has tried.
fn report_tries(report: &RaceReport, progress: &ConnectProgress) {
    for attempt in report.attempts() {
        let (Some(outcome), Some(end)) = (attempt.outcome, attempt.end) else {
            continue;
        };
        let elapsed = end.saturating_sub(attempt.start);
        let mut tried = AddressTried::new(attempt.address, outcome, elapsed);
        tried.error = attempt.error.map(|error| error.to_string().into());
        progress.tried(tried);
    }
}
