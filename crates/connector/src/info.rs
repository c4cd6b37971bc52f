//! What is known of a stream.

use std::sync::Arc;

use trunkline_runtime::PeerAddr;

/// Describes a connected stream. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The address at the other end.
    pub peer: PeerAddr,
    /// How the stream is protected. Default: [`SecurityLevel::None`].
    pub security: SecurityLevel,
    /// The protocol that both ends agreed on, such as `h2`; `None` where ALPN was not used.
    ///
    /// Source: [RFC 7301](https://www.rfc-editor.org/rfc/rfc7301).
    pub alpn: Option<Arc<[u8]>>,
    /// The certificates that the peer sent, in DER, its own first; empty without TLS.
    pub peer_certificates: Arc<[Vec<u8>]>,
}

/// How a stream is protected, from the weakest level to the strongest.
///
/// Source: [`grpc_security_level`](https://github.com/grpc/grpc/blob/master/include/grpc/grpc_security_constants.h)
/// of gRPC's C core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecurityLevel {
    /// The data can be read on the path, and changed without being detected.
    #[default]
    None,
    /// A change of the data on the path is detected, but the data can be read.
    IntegrityOnly,
    /// The data cannot be read on the path, and a change of it is detected.
    PrivacyAndIntegrity,
}

impl ConnectionInfo {
    /// Describes an unprotected stream to `peer`.
    #[must_use]
    pub fn new(peer: PeerAddr) -> Self {
        Self {
            peer,
            security: SecurityLevel::None,
            alpn: None,
            peer_certificates: Arc::default(),
        }
    }

    /// Replaces the security level.
    #[must_use]
    pub fn with_security(mut self, security: SecurityLevel) -> Self {
        self.security = security;
        self
    }

    /// Replaces the protocol that ALPN chose.
    #[must_use]
    pub fn with_alpn(mut self, alpn: impl Into<Arc<[u8]>>) -> Self {
        self.alpn = Some(alpn.into());
        self
    }

    /// Replaces the certificates of the peer: in DER, the peer's own first.
    #[must_use]
    pub fn with_peer_certificates(mut self, certificates: impl Into<Arc<[Vec<u8>]>>) -> Self {
        self.peer_certificates = certificates.into();
        self
    }
}
