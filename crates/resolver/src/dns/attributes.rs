//! What is attached to resolutions and endpoints.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkline_dns::ServerAttempt;
use trunkline_endpoint::AttributeKey;

/// How the lookup behind a resolution went: an attribute of each resolution of the schemes `dns`
/// and `srv`, under its own type as the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookupReport {
    /// Whether all that was asked, a service config included, has been answered or given up; else
    /// another resolution follows.
    pub complete: bool,
    /// Whether something is missing of which it is not known that it does not exist: one family,
    /// or under the scheme `srv` one host.
    pub partial: bool,
    /// The server that answered (first); `None` for literals and the hosts file.
    pub server: Option<SocketAddr>,
    /// When the first record runs out; `None` where nothing ages.
    pub expires: Option<Instant>,
    /// How long it took.
    pub elapsed: Duration,
    /// Every query that was sent for it, and what came of it: a server that was dead or lied shows
    /// here, also where another one answered. Empty while it is not complete.
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

/// The priority of an endpoint's SRV record, the lowest of the answer.
///
/// Source: [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782).
#[derive(Clone, Copy, Debug)]
pub struct SrvPriority;

impl AttributeKey for SrvPriority {
    type Value = u16;
    const NAME: &'static str = "srv_priority";
    const IDENTIFIES_CONNECTION: bool = false;
}
