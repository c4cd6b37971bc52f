//! How to connect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_runtime::{Lock, TcpOptions};

use crate::{RaceOptions, RttHistory};

/// How to connect; the defaults are those of RFC 8305, with `TCP_NODELAY`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// How the race is run.
    pub race: RaceOptions,
    /// How each socket is set up. Where only one of the two addresses to bind is given, addresses
    /// of the other family are left out: they would leave from elsewhere.
    pub tcp: TcpOptions,
    /// Which addresses are sorted.
    pub order: AddressOrder,
    /// Round-trip times, to sort by, for [`RaceOptions::dynamic_delay`], and to add to. `None`: no
    /// memory. Give each user, and each network, one of its own.
    pub history: Option<Arc<Lock<RttHistory>>>,
}

impl ConnectOptions {
    /// Remembers how long a connection has taken, if there is a memory.
    pub(super) fn learn(&self, address: SocketAddr, rtt: Duration, now: Instant) {
        if let Some(history) = &self.history {
            history.lock().record(address.ip(), rtt, now);
        }
    }
}

/// Which addresses are sorted as RFC 6724 says, at the cost of some system calls for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressOrder {
    /// The answers of a lookup that does not sort them itself. A list that was given, and the
    /// answer of the system, stay as they are.
    #[default]
    Auto,
    /// None.
    AsGiven,
    /// All.
    Rfc6724,
}
