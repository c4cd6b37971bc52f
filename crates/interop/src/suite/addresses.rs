//! Where a server listens.

use std::net::SocketAddr;

/// The addresses of one server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) plaintext: SocketAddr,
    pub(super) tls: SocketAddr,
    /// With TLS, and a client certificate.
    pub(super) mutual: SocketAddr,
}
