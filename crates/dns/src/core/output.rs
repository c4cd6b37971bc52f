//! What a lookup asks of its driver.

use std::net::SocketAddr;
use std::time::Duration;

use super::cache::Cached;
use crate::{Name, RecordType};

/// A socket of one lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub(crate) u32);

/// What is to be done, in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Make a UDP socket connected to this server, its port chosen anew.
    OpenUdp {
        /// What the socket is called from now on.
        socket: SocketId,
        /// The server.
        server: SocketAddr,
        /// Whether it may be one that other lookups use too.
        shared: bool,
    },
    /// Join a connection to this server, which is made where none stands that takes one more
    /// question (see [`TcpConnection`](super::TcpConnection)).
    OpenTcp {
        /// What the share in the connection is called from now on.
        socket: SocketId,
        /// The server.
        server: SocketAddr,
        /// Whether it may be one that other lookups use too; else it is made anew and serves this
        /// question alone.
        shared: bool,
    },
    /// Send this: one datagram, or one message over a connection.
    Send {
        /// Where.
        socket: SocketId,
        /// The octets.
        bytes: Vec<u8>,
    },
    /// Close the socket, or leave the connection; nothing of it is of interest any more.
    Close {
        /// Which.
        socket: SocketId,
    },
    /// Tell the memory.
    Report(Report),
}

/// A fact for the [`ClientState`](super::ClientState).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A server answered.
    Answered {
        /// Which.
        server: SocketAddr,
        /// From the sending to the answer, where that is known for sure (no query sent twice).
        round_trip: Option<Duration>,
    },
    /// A server failed.
    Failed {
        /// Which.
        server: SocketAddr,
    },
    /// A server does not know EDNS.
    NoEdns {
        /// Which.
        server: SocketAddr,
    },
    /// A server sent its cookie.
    Cookie {
        /// Which.
        server: SocketAddr,
        /// The server's part.
        cookie: Box<[u8]>,
    },
    /// A server answered a query that had a cookie by a reply without one.
    NoCookie {
        /// Which.
        server: SocketAddr,
    },
    /// A name has these records, or none.
    Learned {
        /// The absolute name.
        name: Name,
        /// The type.
        record_type: RecordType,
        /// What was learned.
        what: Cached,
        /// Which settings it was asked under: of others' servers it says nothing.
        generation: u64,
    },
    /// Of the candidates of a relative name this one has records.
    Won {
        /// The name as it was asked.
        name: Name,
        /// The candidate, absolute.
        candidate: Name,
        /// Which settings it was asked under: of others' servers it says nothing.
        generation: u64,
    },
    /// The remembered candidate of a relative name has none any more.
    Lost {
        /// The name as it was asked.
        name: Name,
    },
}
