//! TLS over the streams of another connector.

use std::io;
use std::sync::Arc;

use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Runtime};

use super::error::TlsError;
use super::name::Names;
use super::options::Tls;
use super::sessions::Sessions;
use crate::change::first_change;
use crate::connector::{Connected, Connector};
use crate::progress::{ConnectProgress, ConnectStep};

/// Connects with another connector, and then does a TLS handshake.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    inner: Arc<dyn Connector>,
    sessions: Arc<Sessions>,
    names: Names,
}

impl TlsConnector {
    /// Puts TLS on the streams of `inner`. `authority` is the host, with or without a port, for
    /// which the certificates of all addresses must be; [`Tls::with_server_name`] has precedence.
    /// `runtime` supplies the clock for the expiry of certificates.
    ///
    /// The server name of an address is used only with [`Tls::with_trusted_address_names`].
    ///
    /// # Errors
    ///
    /// As those of [`TlsClient::new`](super::TlsClient::new).
    pub fn new(
        inner: Arc<dyn Connector>,
        tls: &Tls,
        authority: &str,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, TlsError> {
        Self::with_names(inner, tls, Names::new(tls, Some(authority))?, runtime)
    }

    /// Puts TLS on the streams of `inner`. The certificate of each address must be for that IP
    /// address itself; [`Tls::with_server_name`] has precedence.
    ///
    /// For servers that the user names by their addresses, such as those of a target `ipv4:`.
    ///
    /// # Errors
    ///
    /// As those of [`new`](Self::new).
    pub fn for_ip_addresses(
        inner: Arc<dyn Connector>,
        tls: &Tls,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, TlsError> {
        Self::with_names(inner, tls, Names::new(tls, None)?, runtime)
    }

    fn with_names(
        inner: Arc<dyn Connector>,
        tls: &Tls,
        names: Names,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            inner,
            sessions: Arc::new(Sessions::load(tls, runtime)?),
            names,
        })
    }
}

impl Connector for TlsConnector {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        self.connect_with_progress(address, ConnectProgress::ignored())
    }

    fn connect_with_progress(
        &self,
        address: &Address,
        progress: ConnectProgress,
    ) -> BoxFuture<io::Result<Connected>> {
        let server_name = match self.names.of(address) {
            Ok(name) => name,
            Err(error) => return Box::pin(std::future::ready(Err(error.into_io()))),
        };
        let connecting = self.inner.connect_with_progress(address, progress.clone());
        let sessions = Arc::clone(&self.sessions);
        Box::pin(async move {
            let Connected { stream, .. } = connecting.await?;
            progress.begin(ConnectStep::TlsHandshake);
            let connected = sessions.handshake(stream, &server_name).await;
            connected.map_err(TlsError::into_io)
        })
    }

    fn changed(&self) -> Option<BoxFuture<()>> {
        first_change(self.inner.changed(), self.sessions.changed())
    }
}
