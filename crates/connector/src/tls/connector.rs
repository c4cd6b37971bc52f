//! TLS over the streams of another connector.

use std::io;
use std::sync::Arc;

use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Runtime};

use super::client::TlsClient;
use super::error::TlsError;
use super::options::Tls;
use crate::connector::{Connected, Connector};

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
    /// The name of an address (its authority) is not used: whoever controls the resolver, such as
    /// the DNS, would decide which server is the right one.
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
        let stream = self.inner.connect(address);
        let client = self.client.clone();
        Box::pin(async move {
            let Connected { stream, .. } = stream.await?;
            client.handshake(stream).await.map_err(TlsError::into_io)
        })
    }
}
