//! What a lookup asks its driver to do.

use std::net::SocketAddr;
use std::time::Duration;

use super::cache::Cached;
use crate::{Name, RecordType};

/// A socket of one lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub(crate) u32);

/// An action for the driver of a lookup. Actions are performed in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LookupOutput {
    /// Open a UDP socket that is connected to this server, with a new port.
    OpenUdp {
        /// The id of the socket from now on.
        socket: SocketId,
        /// The server.
        server: SocketAddr,
        /// True when it may be a socket that other lookups use too.
        shared: bool,
    },
    /// Join a connection to this server. It is opened where no open one takes another question (see
    /// [`TcpConnection`](super::TcpConnection)).
    OpenTcp {
        /// The id of the share in the connection from now on.
        socket: SocketId,
        /// The server.
        server: SocketAddr,
        /// True when it may be a connection that other lookups use too; else it is a new one, for
        /// this question alone.
        shared: bool,
    },
    /// Send one datagram, or one message over a connection.
    Send {
        /// The socket to send from.
        socket: SocketId,
        /// The whole message, without a length before it.
        bytes: Vec<u8>,
    },
    /// Close the socket or leave the connection: no further message from it is used.
    Close {
        /// The socket to close.
        socket: SocketId,
    },
    /// Hand this to [`ClientState::handle_report`](super::ClientState::handle_report).
    Report(Report),
}

/// A fact that a lookup has learned, for the [`ClientState`](super::ClientState).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A server answered.
    Answered {
        /// The server's address.
        server: SocketAddr,
        /// The time from the query to the reply; `None` where the query was sent twice, since the
        /// reply may be to either copy.
        round_trip: Option<Duration>,
    },
    /// A server failed.
    Failed {
        /// The server's address.
        server: SocketAddr,
    },
    /// A server does not support EDNS.
    NoEdns {
        /// The server's address.
        server: SocketAddr,
    },
    /// A server sent its cookie.
    Cookie {
        /// The server's address.
        server: SocketAddr,
        /// The server's part of the cookie.
        cookie: Box<[u8]>,
    },
    /// A server answered a query with a cookie by a reply without one.
    NoCookie {
        /// The server's address.
        server: SocketAddr,
    },
    /// A name has these records, or has none.
    Learned {
        /// The absolute name.
        name: Name,
        /// The type of the records.
        record_type: RecordType,
        /// The records, or that there are none.
        what: Cached,
        /// The generation of the settings of the lookup. The report is ignored once other settings
        /// apply, since their servers may answer differently.
        generation: u64,
    },
    /// One candidate of a relative name has records.
    Won {
        /// The relative name.
        name: Name,
        /// The candidate, absolute.
        candidate: Name,
        /// The generation of the settings of the lookup. The report is ignored once other settings
        /// apply, since their servers may answer differently.
        generation: u64,
    },
    /// No candidate of a relative name has records any more.
    Lost {
        /// The relative name.
        name: Name,
    },
}
