//! TLS over the streams of another connector.

use std::io;
use std::sync::Arc;

use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Runtime};

use super::client::TlsClient;
use super::error::TlsError;
use super::options::Tls;
use crate::connector::{Connected, Connector};
use crate::progress::{ConnectProgress, ConnectStep};

/// Connects with another connector, and then does a TLS handshake.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    inner: Arc<dyn Connector>,
    client: TlsClient,
}

impl TlsConnector {
    /// Puts TLS on the streams of `inner`. `authority` is the host, with or without a port, for
    /// which the certificates of all addresses must be; [`Tls::with_server_name`] has precedence.
    /// `runtime` supplies the clock by which certificates expire.
    ///
    /// The server name of an address is used only with [`Tls::with_trusted_address_names`].
    ///
    /// # Errors
    ///
    /// As those of [`TlsClient::new`].
    pub fn new(
        inner: Arc<dyn Connector>,
        tls: &Tls,
        authority: &str,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, TlsError> {
        let client = TlsClient::new(tls, authority, runtime)?;
        Ok(Self { inner, client })
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
        let stream = self.inner.connect_with_progress(address, progress.clone());
        let client = self.client.clone();
        let server_name = client.server_name(address);
        Box::pin(async move {
            let Connected { stream, .. } = stream.await?;
            progress.begin(ConnectStep::TlsHandshake);
            let server_name = server_name.map_err(TlsError::into_io)?;
            let connected = client.handshake_for(stream, &server_name).await;
            connected.map_err(TlsError::into_io)
        })
    }
}
