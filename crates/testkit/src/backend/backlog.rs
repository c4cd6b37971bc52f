//! A full backlog: how a server goes silent without any right that a user lacks.
//!
//! The kernel completes handshakes on behalf of a listener until its backlog is full; from then on it
//! drops every SYN. So a listener that accepts nothing, and whose backlog is filled with connections
//! of our own, looks from outside like a host behind a firewall that swallows packets.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The backlog that a listener asks for. Linux lets in one more.
pub(super) const BACKLOG: u32 = 8;

/// On loopback a handshake takes microseconds: one that takes this long is not answered.
const UNANSWERED: Duration = Duration::from_millis(250);

/// Attempts that go on in the background, so that a place that gets free is taken at once.
const SPARE: usize = 3;

/// Connections that fill the backlog of one listener until this is dropped.
#[derive(Debug)]
pub(super) struct FullBacklog {
    /// Where they come from, so that the listener can tell them from clients later.
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
        // Clients may have taken some places; nobody gives one back while nothing is accepted.
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
                            // Held until the task is dropped.
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

    /// Lets go of the connections; those that were queued will still be accepted, from here.
    pub(super) fn into_sources(self) -> BTreeSet<SocketAddr> {
        self.sources
    }
}

/// A socket whose source address is known before it connects.
fn bound_like(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.bind(SocketAddr::new(address.ip(), 0))?;
    Ok(socket)
}
