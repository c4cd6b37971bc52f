//! How a channel secures its connections.

use std::sync::Arc;

use http::uri::{Authority, Scheme};
#[cfg(feature = "tls")]
use trunkline_connector::tls::{Tls, TlsConnector};
use trunkline_connector::{Connector, SecurityLevel};
use trunkline_resolver::CredentialsKind;
use trunkline_runtime::Runtime;

use crate::error::BuildError;
#[cfg(feature = "tls")]
use crate::error::BuildErrorKind;

/// How connections are secured.
#[derive(Debug)]
pub(super) enum Security {
    Plaintext,
    #[cfg(feature = "tls")]
    Tls(Box<Tls>),
}

impl Security {
    /// Returns the `:scheme` of the calls.
    pub(super) fn scheme(&self) -> Scheme {
        match self {
            Self::Plaintext => Scheme::HTTP,
            #[cfg(feature = "tls")]
            Self::Tls(_) => Scheme::HTTPS,
        }
    }

    /// Returns the protection of the connections that the default connector makes.
    pub(super) fn level(&self) -> SecurityLevel {
        match self {
            Self::Plaintext => SecurityLevel::None,
            #[cfg(feature = "tls")]
            Self::Tls(_) => SecurityLevel::PrivacyAndIntegrity,
        }
    }

    /// Returns the kind of the credentials, for resolvers.
    pub(super) fn credentials(&self) -> CredentialsKind {
        match self {
            Self::Plaintext => CredentialsKind::Plaintext,
            #[cfg(feature = "tls")]
            Self::Tls(_) => CredentialsKind::Tls,
        }
    }

    /// Returns the authority that takes the place of the target's: the name for which certificates
    /// are checked, if it was set.
    pub(super) fn authority(&self) -> Option<String> {
        match self {
            Self::Plaintext => None,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.server_name().map(authority_of),
        }
    }

    /// Puts the protection on a connector's streams. `authority` is that of the channel; `None` where
    /// the user names the servers by their IP addresses.
    #[cfg_attr(
        not(feature = "tls"),
        expect(unused_variables, reason = "only TLS needs them")
    )]
    pub(super) fn protect(
        &self,
        connector: Arc<dyn Connector>,
        authority: Option<&Authority>,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Arc<dyn Connector>, BuildError> {
        match self {
            Self::Plaintext => Ok(connector),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => {
                let runtime = Arc::clone(runtime);
                let protected = match authority {
                    Some(authority) => {
                        TlsConnector::new(connector, tls, authority.as_str(), runtime)
                    }
                    None => TlsConnector::for_ip_addresses(connector, tls, runtime),
                };
                match protected {
                    Ok(connector) => Ok(Arc::new(connector)),
                    Err(error) => {
                        let text = format!("TLS cannot be used: {error}");
                        Err(BuildError::new(BuildErrorKind::Tls, text).with_source(error))
                    }
                }
            }
        }
    }
}

/// Returns the authority of a host without a port: an IPv6 address gets brackets.
#[cfg(feature = "tls")]
fn authority_of(host: &str) -> String {
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}
