//! The attributes of the schemes `dns` and `srv`: what they set on resolutions.
//!
//! The weight and the priority of an SRV record are the attributes `Weight` and `PriorityGroup` of
//! `trunkline-endpoint`; `srv_scheme` sets them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkline_dns::ServerAttempt;
use trunkline_endpoint::AttributeKey;

/// How the lookup behind a resolution went: an attribute of each resolution of the schemes `dns`
/// and `srv` that has endpoints. The type is its own key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookupReport {
    /// Whether every lookup, also that of the service config, has succeeded or failed. If false, one
    /// is still in progress, and another resolution follows.
    pub complete: bool,
    /// Whether a part of the answer could not be looked up and may exist: one address family, or
    /// under the scheme `srv` one host. Also true when a reply had more records than are used
    /// (1,000, or 56 KiB of them). The note of the resolution has what is missing.
    pub partial: bool,
    /// The server that answered first; `None` for literals and the hosts file.
    pub server: Option<SocketAddr>,
    /// When the first record expires; `None` where none does.
    pub expires: Option<Instant>,
    /// How long the lookup took.
    pub elapsed: Duration,
    /// Every query that was sent, with its outcome. A server that was down or sent wrong replies is
    /// listed here also when another one answered. Empty while the lookup is not complete.
    pub attempts: Vec<ServerAttempt>,
}

impl LookupReport {
    /// Reports a complete lookup that asked no server.
    pub(super) fn complete(elapsed: Duration) -> Self {
        Self {
            complete: true,
            partial: false,
            server: None,
            expires: None,
            elapsed,
            attempts: Vec::new(),
        }
    }

    /// Reports the part of an answer that is delivered before the rest.
    pub(super) fn early(server: Option<SocketAddr>, elapsed: Duration) -> Self {
        Self {
            complete: false,
            partial: true,
            server,
            ..Self::complete(elapsed)
        }
    }
}

impl AttributeKey for LookupReport {
    type Value = Self;
    const NAME: &'static str = "lookup";
    const IDENTIFIES_CONNECTION: bool = false;
}
