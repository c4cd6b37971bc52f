//! What the connections of a channel have in common with the clusters of its configuration.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use trunkline_channel::SecurityLayer;
use trunkline_connector::{
    ConnectProgress, Connected, Connector, ProxyProtocol, ProxyServer, ViaProxy,
};
use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Runtime};

#[cfg(feature = "tls")]
use super::cluster_security::ClusterSecurity;
#[cfg(feature = "tls")]
use super::secure_connector::{SecureConnector, TlsConnectors};
use crate::core::HttpProxy;

/// Makes the connections of a channel as its clusters ask for it: through the proxy of the endpoint, and,
/// if the channel lets clusters choose that, with their transport security.
#[derive(Debug)]
pub(super) struct ConnectionLayer {
    /// What clusters ask for; `None` if the channel secures all connections itself.
    #[cfg(feature = "tls")]
    pub(super) security: Option<ClusterSecurity>,
}

impl SecurityLayer for ConnectionLayer {
    fn protect(
        &self,
        plain: Arc<dyn Connector>,
        fallback: Arc<dyn Connector>,
        runtime: &Arc<dyn Runtime>,
    ) -> Arc<dyn Connector> {
        #[cfg(feature = "tls")]
        if let Some(security) = &self.security {
            let secure = SecureConnector {
                fallback,
                security: security.clone(),
                connectors: Arc::new(TlsConnectors::new(plain, runtime)),
            };
            return Arc::new(ThroughHttpProxy(Arc::new(secure)));
        }
        let _ = (plain, runtime);
        Arc::new(ThroughHttpProxy(fallback))
    }

    fn chooses_security(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.security.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}

/// Connects through the proxy of an address, where it has one. The connector below makes the tunnel.
///
/// Source: [gRFC A86](https://github.com/grpc/proposal/blob/master/A86-xds-http-connect.md).
#[derive(Debug)]
struct ThroughHttpProxy(Arc<dyn Connector>);

impl Connector for ThroughHttpProxy {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        self.connect_with_progress(address, ConnectProgress::ignored())
    }

    fn connect_with_progress(
        &self,
        address: &Address,
        progress: ConnectProgress,
    ) -> BoxFuture<io::Result<Connected>> {
        let Some(proxy) = address.attributes().get::<HttpProxy>() else {
            return self.0.connect_with_progress(address, progress);
        };
        let attributes = address.attributes().with::<ViaProxy>(server(*proxy));
        let address = address.clone().with_attributes(attributes);
        self.0.connect_with_progress(&address, progress)
    }

    fn changed(&self) -> Option<BoxFuture<()>> {
        self.0.changed()
    }
}

fn server(address: SocketAddr) -> ProxyServer {
    let host = address.ip().to_string();
    ProxyServer::new(ProxyProtocol::HttpConnect, host, address.port())
}
