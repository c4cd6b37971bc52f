//! What is known of a stream.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use trunkline_runtime::PeerAddr;

use crate::authority_error::{AuthorityError, AuthorityErrorKind};

/// Describes a connected stream. Cheap to clone.
#[derive(Clone, Debug)]
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
    /// What TLS agreed on; `None` without TLS.
    pub tls: Option<Arc<TlsInfo>>,
    /// The time that the TLS handshake took. The channel sets it, from the steps that the connector reports
    /// ([`ConnectStep::TlsHandshake`](crate::ConnectStep::TlsHandshake)). Default: `None`, as without TLS.
    pub tls_handshake: Option<Duration>,
    /// Checks the authorities of calls. Default: `None`, which allows every authority on a stream
    /// without protection, and on a protected one only the channel's own.
    pub authority_validator: Option<Arc<dyn AuthorityValidator>>,
}

/// What TLS agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version: `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// True when the handshake continued an earlier session.
    pub resumed: bool,
    /// The name that the server's certificate was checked for.
    pub server_name: String,
    /// True when the server asked for a client certificate. It may accept a client without one.
    pub asked_for_certificate: bool,
    /// Why files that have changed are not used, if that is so: the certificates read before stay
    /// in use.
    pub reload_problem: Option<String>,
}

impl TlsInfo {
    /// Describes a session for `server_name`, which was not resumed.
    #[must_use]
    pub fn new(
        version: impl Into<String>,
        cipher: impl Into<String>,
        server_name: impl Into<String>,
    ) -> Self {
        Self {
            version: version.into(),
            cipher: cipher.into(),
            resumed: false,
            server_name: server_name.into(),
            asked_for_certificate: false,
            reload_problem: None,
        }
    }
}

/// Decides whether calls with an authority of their own may be sent on a connection.
///
/// A connection proves the identity of one server. A call whose `:authority` is another one would
/// be sent to a server that has not proved to be the right one.
///
/// # Examples
///
/// ```
/// use trunkline_connector::{
///     AuthorityError, AuthorityErrorKind, AuthorityValidator, ConnectionInfo, SecurityLevel,
/// };
///
/// /// A mesh that has proved the identity of one domain, whichever of its hosts is called.
/// #[derive(Debug)]
/// struct Domain(&'static str);
///
/// impl AuthorityValidator for Domain {
///     fn validate(&self, authority: &str) -> Result<(), AuthorityError> {
///         let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
///         let below = host.strip_suffix(self.0);
///         if below.is_some_and(|below| below.ends_with('.')) {
///             return Ok(());
///         }
///         let text = format!("the mesh has proved to be hosts of {}", self.0);
///         Err(AuthorityError::new(AuthorityErrorKind::NotProved, text))
///     }
/// }
///
/// # use trunkline_runtime::PeerAddr;
/// let peer = PeerAddr::from(std::net::SocketAddr::from(([192, 0, 2, 1], 443)));
/// let info = ConnectionInfo::new(peer)
///     .with_security(SecurityLevel::PrivacyAndIntegrity)
///     .with_authority_validator(Domain("prod.example"));
/// assert!(info.validate_authority("orders.prod.example:443").is_ok());
/// assert!(info.validate_authority("orders.test.example:443").is_err());
/// ```
///
/// Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).
pub trait AuthorityValidator: Debug + Send + Sync {
    /// Checks one authority: a host, with or without a port.
    ///
    /// # Errors
    ///
    /// When the server has not proved that it is this host. The text gives the reason, and names
    /// what the server has proved.
    fn validate(&self, authority: &str) -> Result<(), AuthorityError>;
}

/// Two descriptions are equal when all facts are, and when they share their validator or have none.
impl PartialEq for ConnectionInfo {
    fn eq(&self, other: &Self) -> bool {
        let same_validator = match (&self.authority_validator, &other.authority_validator) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (None, None) => true,
            _ => false,
        };
        let Self {
            peer,
            security,
            alpn,
            peer_certificates,
            tls,
            tls_handshake,
            authority_validator: _,
        } = self;
        same_validator
            && *peer == other.peer
            && *security == other.security
            && *alpn == other.alpn
            && *peer_certificates == other.peer_certificates
            && *tls == other.tls
            && *tls_handshake == other.tls_handshake
    }
}

impl Eq for ConnectionInfo {}

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
            tls: None,
            tls_handshake: None,
            authority_validator: None,
        }
    }

    /// Checks the authority of a call that has one of its own.
    ///
    /// # Errors
    ///
    /// When the server has not proved that it is this host; see [`AuthorityValidator`].
    pub fn validate_authority(&self, authority: &str) -> Result<(), AuthorityError> {
        match &self.authority_validator {
            Some(validator) => validator.validate(authority),
            None if self.security == SecurityLevel::None => Ok(()),
            None => {
                let text = "the connector cannot check it";
                Err(AuthorityError::new(AuthorityErrorKind::Unchecked, text))
            }
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

    /// Replaces what TLS agreed on.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsInfo) -> Self {
        self.tls = Some(Arc::new(tls));
        self
    }

    /// Replaces the check of the authorities of calls.
    #[must_use]
    pub fn with_authority_validator(
        mut self,
        validator: impl AuthorityValidator + 'static,
    ) -> Self {
        self.authority_validator = Some(Arc::new(validator));
        self
    }
}
