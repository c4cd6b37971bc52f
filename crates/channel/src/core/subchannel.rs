//! Subchannels.

use std::fmt;
use std::time::Instant;

use http::uri::Authority;
use trunkline_backoff::{Backoff, BackoffPolicy};
use trunkline_endpoint::Address;
use trunkline_lb::SubchannelId;

/// One address that the policy wants connections to.
#[derive(Debug)]
pub(crate) struct Subchannel {
    pub(crate) id: SubchannelId,
    pub(crate) address: Address,
    /// The address's own server name as an authority, where it has one.
    pub(crate) authority: Option<Authority>,
    pub(crate) backoff: Backoff,
    pub(crate) stand: Stand,
    /// When the next attempt may start.
    pub(crate) not_before: Option<Instant>,
}

/// How a subchannel stands.
#[derive(Debug)]
pub(crate) enum Stand {
    Idle,
    /// An attempt is wanted, and starts at `until`: the last connection was lost too soon.
    Held {
        until: Instant,
    },
    /// An attempt runs. If it fails, the next may start at `retry_at`.
    Connecting {
        retry_at: Instant,
        phase: Phase,
    },
    /// A connection stands, whose attempt could have been followed by the next at `retry_at`.
    Ready {
        retry_at: Instant,
    },
    /// The last attempt failed.
    Backoff {
        until: Instant,
    },
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The last connection was lost before it was of use; the next attempt waits its time.
    Held,
    /// The stream is being made.
    Dialling,
    /// The stream stands; the server's SETTINGS have not come yet.
    Handshake,
}

impl Subchannel {
    pub(crate) fn new(
        id: SubchannelId,
        address: Address,
        policy: BackoffPolicy,
        seed: u64,
    ) -> Self {
        let authority = address.server_name().and_then(|name| name.parse().ok());
        Self {
            id,
            address,
            authority,
            backoff: Backoff::new(policy, seed),
            stand: Stand::Idle,
            not_before: None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Held => "lost before it answered any call, waiting to connect again",
            Self::Dialling => "connecting",
            Self::Handshake => "connected, but no HTTP/2 SETTINGS came yet",
        })
    }
}
