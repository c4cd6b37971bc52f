//! Socket options, as plain data.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How a TCP socket is set up before it connects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// `TCP_NODELAY`; on by default: without it each small call waits 40 ms for an ACK.
    pub nodelay: bool,
    /// `SO_KEEPALIVE` with this idle time; off by default.
    pub keepalive: Option<Duration>,
    /// The local address to bind for IPv4 destinations.
    pub bind_ipv4: Option<Ipv4Addr>,
    /// The local address to bind for IPv6 destinations.
    pub bind_ipv6: Option<Ipv6Addr>,
    /// The interface to bind (`SO_BINDTODEVICE`, Linux).
    pub interface: Option<String>,
    /// The firewall mark (`SO_MARK`, Linux).
    pub mark: Option<u32>,
    /// `TCP_USER_TIMEOUT` (Linux), set once the connection stands: set earlier it would also bound
    /// the connecting itself.
    pub user_timeout: Option<Duration>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: None,
            bind_ipv4: None,
            bind_ipv6: None,
            interface: None,
            mark: None,
            user_timeout: None,
        }
    }
}

/// How a UDP socket is set up before it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UdpOptions {
    /// The local address to bind; the unspecified one where it is `None`.
    pub bind: Option<IpAddr>,
}
