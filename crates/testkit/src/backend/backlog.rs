//! A full backlog: how a server goes silent without privileges.
//!
//! The kernel completes handshakes for a listener until its backlog is full, and drops every SYN
//! after that. So a listener that accepts nothing, and whose backlog is filled with our own
//! connections, looks like a host behind a firewall that drops packets.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The backlog of a listener. Linux queues one connection more.
pub(super) const BACKLOG: u32 = 8;

/// How long an attempt waits before it counts as unanswered. On loopback a handshake takes
/// microseconds.
const UNANSWERED: Duration = Duration::from_millis(250);

/// How many attempts continue in the background, so that they take a place in the backlog as soon
/// as it becomes free.
const SPARE: usize = 3;

/// Connections that fill the backlog of one listener until they are dropped.
#[derive(Debug)]
pub(super) struct FullBacklog {
    /// The source addresses. With them the listener distinguishes these from clients later.
    sources: BTreeSet<SocketAddr>,
    _held: Vec<TcpStream>,
    _spare: JoinSet<io::Result<TcpStream>>,
}

impl FullBacklog {
    /// Fills the backlog of the listener at `address`.
    pub(super) async fn fill(address: SocketAddr) -> io::Result<Self> {
        let mut sources = BTreeSet::new();
        let mut held = Vec::new();
        let mut spare = JoinSet::new();
        // Clients may have taken some places. No place becomes free while nothing is accepted.
        for _ in 0..=BACKLOG + 1 {
            let socket = bound_like(address)?;
            sources.insert(socket.local_addr()?);
            match timeout(UNANSWERED, socket.connect(address)).await {
                Ok(connected) => held.push(connected?),
                Err(_) => {
                    for _ in 0..SPARE {
                        let socket = bound_like(address)?;
                        sources.insert(socket.local_addr()?);
                        spare.spawn(async move {
                            let stream = socket.connect(address).await?;
                            // Keeps the connection until the task is dropped.
                            stream.readable().await?;
                            Ok(stream)
                        });
                    }
                    return Ok(Self {
                        sources,
                        _held: held,
                        _spare: spare,
                    });
                }
            }
        }
        Err(io::Error::other(format!(
            "the backlog of {address} takes more than the {BACKLOG} connections that it was made for"
        )))
    }

    /// Closes the connections and returns their source addresses. The listener will still accept
    /// the connections that are in its queue.
    pub(super) fn into_sources(self) -> BTreeSet<SocketAddr> {
        self.sources
    }
}

/// Returns a socket that is bound, so that its source address is known before it connects.
fn bound_like(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.bind(SocketAddr::new(address.ip(), 0))?;
    Ok(socket)
}
