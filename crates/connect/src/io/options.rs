//! The options of a connect.

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
    /// How each socket is set up. Where only one of `bind_ipv4` and `bind_ipv6` is set, addresses
    /// of the other family are not tried, because they would use another source address.
    pub tcp: TcpOptions,
    /// Which addresses are sorted; default [`Auto`](AddressOrder::Auto).
    pub order: AddressOrder,
    /// The round-trip times of earlier connections, which every new connection adds to. They are
    /// used to sort, and for [`RaceOptions::dynamic_delay`]. Use one history for each user and each
    /// network. With `None`, the default, no times are kept.
    pub history: Option<Arc<Lock<RttHistory>>>,
}

impl ConnectOptions {
    /// Sets how the race is run. Default: as in RFC 8305, with a limit of 20 s.
    #[must_use]
    pub fn with_race(mut self, race: RaceOptions) -> Self {
        self.race = race;
        self
    }

    /// Sets how each socket is set up. Default: with `TCP_NODELAY`.
    #[must_use]
    pub fn with_tcp(mut self, tcp: TcpOptions) -> Self {
        self.tcp = tcp;
        self
    }

    /// Sets which addresses are sorted. Default: [`AddressOrder::Auto`].
    #[must_use]
    pub fn with_order(mut self, order: AddressOrder) -> Self {
        self.order = order;
        self
    }

    /// Sets the history of round-trip times, which every new connection adds to. Default: none.
    #[must_use]
    pub fn with_history(mut self, history: Arc<Lock<RttHistory>>) -> Self {
        self.history = Some(history);
        self
    }

    /// Adds the time that a connection took to the history, if there is one.
    pub(super) fn record_rtt(&self, address: SocketAddr, rtt: Duration, now: Instant) {
        if let Some(history) = &self.history {
            history.lock().record(address.ip(), rtt, now);
        }
    }
}

/// Which addresses are sorted by RFC 6724, at the cost of some system calls for each address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressOrder {
    /// The answers of a lookup that does not sort them itself. A list that the user passes, and the
    /// answer of the system's resolver, keep their order.
    #[default]
    Auto,
    /// No addresses.
    AsGiven,
    /// All addresses.
    Rfc6724,
}
