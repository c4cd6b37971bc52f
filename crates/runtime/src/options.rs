//! Socket options, as plain data.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How a TCP socket is set up before it connects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// `TCP_NODELAY`; on by default. Without it each small call may wait 40 ms for an ACK.
    pub nodelay: bool,
    /// `SO_KEEPALIVE`, with this idle time before the first probe; off by default. This and the two
    /// values below are replaced by the nearest that the system takes: on Linux 1 to 32,767 s and 1 to
    /// 127 probes.
    pub keepalive: Option<Duration>,
    /// The time between two probes (`TCP_KEEPINTVL`), once `keepalive` is set; the system's, usually
    /// 75 s, by default.
    pub keepalive_interval: Option<Duration>,
    /// How many probes without an answer end the connection (`TCP_KEEPCNT`), once `keepalive` is set;
    /// the system's, usually 9, by default. Windows before version 10 has no such setting.
    pub keepalive_probes: Option<u32>,
    /// The local address to bind for IPv4 destinations; `None`, the default, binds none.
    pub bind_ipv4: Option<Ipv4Addr>,
    /// The local address to bind for IPv6 destinations; `None`, the default, binds none.
    pub bind_ipv6: Option<Ipv6Addr>,
    /// The interface to bind (`SO_BINDTODEVICE`, Linux).
    pub interface: Option<String>,
    /// The firewall mark (`SO_MARK`, Linux).
    pub mark: Option<u32>,
    /// `TCP_USER_TIMEOUT` (Linux). It is set when the connection is established: set earlier, it
    /// would also limit the time to connect. From 1 ms to 24 days; another value is replaced by the
    /// nearest of these.
    pub user_timeout: Option<Duration>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: None,
            keepalive_interval: None,
            keepalive_probes: None,
            bind_ipv4: None,
            bind_ipv6: None,
            interface: None,
            mark: None,
            user_timeout: None,
        }
    }
}

impl TcpOptions {
    /// Sets `TCP_NODELAY`. Default: true.
    #[must_use]
    pub fn with_nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// Turns on `SO_KEEPALIVE`, with this idle time before the first probe. Default: off.
    #[must_use]
    pub fn with_keepalive(mut self, idle: Duration) -> Self {
        self.keepalive = Some(idle);
        self
    }

    /// Sets the time between two probes of [`with_keepalive`](Self::with_keepalive). Default: the
    /// system's.
    #[must_use]
    pub fn with_keepalive_interval(mut self, interval: Duration) -> Self {
        self.keepalive_interval = Some(interval);
        self
    }

    /// Sets how many probes of [`with_keepalive`](Self::with_keepalive) without an answer end the
    /// connection. Default: the system's.
    #[must_use]
    pub fn with_keepalive_probes(mut self, probes: u32) -> Self {
        self.keepalive_probes = Some(probes);
        self
    }

    /// Sets the local address to bind for IPv4 destinations. Default: none.
    #[must_use]
    pub fn with_bind_ipv4(mut self, address: Ipv4Addr) -> Self {
        self.bind_ipv4 = Some(address);
        self
    }

    /// Sets the local address to bind for IPv6 destinations. Default: none.
    #[must_use]
    pub fn with_bind_ipv6(mut self, address: Ipv6Addr) -> Self {
        self.bind_ipv6 = Some(address);
        self
    }

    /// Sets the interface to bind, by its name (`SO_BINDTODEVICE`, Linux). Default: none.
    #[must_use]
    pub fn with_interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    /// Sets the firewall mark (`SO_MARK`, Linux). Default: none.
    #[must_use]
    pub fn with_mark(mut self, mark: u32) -> Self {
        self.mark = Some(mark);
        self
    }

    /// Sets `TCP_USER_TIMEOUT` (Linux): how long sent data may stay unacknowledged before the
    /// connection is closed. Default: the system's.
    #[must_use]
    pub fn with_user_timeout(mut self, timeout: Duration) -> Self {
        self.user_timeout = Some(timeout);
        self
    }
}

/// How a UDP socket is set up before it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UdpOptions {
    /// The local address to bind, of the destination's family; `None`, the default, leaves the
    /// choice to the system.
    pub bind: Option<IpAddr>,
}

impl UdpOptions {
    /// Sets the local address to bind, of the destination's family. Default: the system chooses.
    #[must_use]
    pub fn with_bind(mut self, address: IpAddr) -> Self {
        self.bind = Some(address);
        self
    }
}
