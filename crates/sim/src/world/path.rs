//! The state of the path between the code under test and one IP address.

use std::time::Duration;

/// The state of one path.
#[derive(Default)]
pub(crate) struct IpPath {
    /// The one-way latency; `None` is the network's default.
    pub(crate) latency: Option<Duration>,
    /// The longest delay that is added to a packet, evenly distributed from zero.
    pub(crate) jitter: Duration,
    /// The share of datagrams that are lost, 0 to 1.
    pub(crate) loss: f64,
    /// The share of datagrams that arrive twice, 0 to 1.
    pub(crate) duplication: f64,
    /// Whether no ICMP message reports that a UDP port is closed.
    pub(crate) no_icmp: bool,
    /// Whether no packet gets through.
    pub(crate) cut: bool,
    /// Whether the host's processes are stopped.
    pub(crate) frozen: bool,
}
