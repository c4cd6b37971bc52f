//! The handle with which programs make handshakes themselves.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use trunkline_runtime::{Runtime, Stream};

use super::error::TlsError;
use super::name::{host_of, parse_name};
use super::options::Tls;
use super::sessions::Sessions;
use crate::connector::Connected;

/// Makes TLS sessions over streams that exist already. Cheap to clone; clones share the sessions
/// that can be resumed.
///
/// A channel uses a [`TlsConnector`](super::TlsConnector), which also makes the stream.
#[derive(Clone, Debug)]
pub struct TlsClient {
    sessions: Arc<Sessions>,
    server_name: ServerName<'static>,
}

impl TlsClient {
    /// Loads the certificates. `authority` is the host, with or without a port, for which the
    /// server's certificate must be; [`Tls::with_server_name`] has precedence. With
    /// [`Tls::with_name_check`] it is only sent. `runtime` supplies the clock for the expiry of
    /// certificates.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, a certificate or key cannot be used, there is no crypto provider,
    /// or the name is not one that a certificate can have.
    pub fn new(tls: &Tls, authority: &str, runtime: Arc<dyn Runtime>) -> Result<Self, TlsError> {
        let server_name = match &tls.server_name {
            Some(name) => parse_name(name)?,
            None => parse_name(host_of(authority))?,
        };
        Ok(Self {
            sessions: Arc::new(Sessions::load(tls, runtime)?),
            server_name,
        })
    }

    /// Does a handshake over `stream`. First reads again the files that certificates are from.
    ///
    /// The caller limits the time. With TLS 1.3, a server that refuses the client's certificate reports
    /// that after the handshake: then the first read fails, with a [`TlsError`] inside.
    ///
    /// # Errors
    ///
    /// When the server does not speak TLS, its certificate is not trusted, it refuses the client, or
    /// the stream fails; see [`TlsErrorKind`](super::TlsErrorKind).
    pub async fn handshake(&self, stream: Box<dyn Stream>) -> Result<Connected, TlsError> {
        self.sessions.handshake(stream, &self.server_name).await
    }
}
