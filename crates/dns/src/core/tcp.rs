//! One TCP connection, for the queries of many lookups.

use std::io;
use std::time::{Duration, Instant};

use super::demux::{Asker, Demux};

/// The maximum number of askers of one connection, and so of queries that wait for their replies
/// over it; as in hickory.
const MAX_IN_FLIGHT: usize = 32;
/// The number of messages in a row that may answer nothing before the connection is given up. It is
/// more than the late replies to all queries that may be given up at one time.
const MAX_UNASKED: usize = 2 * MAX_IN_FLIGHT;
/// The maximum number of messages that one asker may leave unread. Further ones are dropped, as
/// datagrams would be.
const MAX_INBOX: usize = 4;
/// Bytes of the length before each message (RFC 1035 section 4.2.2).
const LENGTH: usize = 2;

/// A TCP connection to one server, for the queries of many lookups, without any I/O (RFC 7766).
///
/// An [`Asker`] joins, asks one question, takes the messages that arrive under its id, and leaves
/// when one of them is the answer. The asker decides which one is the answer. Replies may arrive in
/// any order.
///
/// - Ids are unique among the queries on the connection. Where the id that an asker chose is taken,
///   its query goes out under another one, and the reply comes back under the id that was chosen.
/// - A query that waits for its reply is not sent a second time: every asker of it gets the reply.
/// - When an asker leaves before its reply has arrived, as after a timeout, the connection may be
///   dead. It then takes no new askers, and ends with the ones that it has.
///
/// Report events with the `handle_*` methods. After each, write what [`unsent`](Self::unsent)
/// returns, take what [`poll_reply`](Self::poll_reply) returns for each asker, and wait for the
/// socket or for [`poll_timeout`](Self::poll_timeout). Drop the connection once [`end`](Self::end)
/// returns how it ended. `now` never goes backwards.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use trunkline_dns::core::TcpConnection;
///
/// let (mut connection, asker) = TcpConnection::new(Duration::from_secs(10));
/// connection.ask(asker, b"\x12\x34 and so on");
/// assert_eq!(connection.unsent(), b"\0\x0c\x12\x34 and so on");
/// ```
///
/// Source: [RFC 7766 section 6.2](https://www.rfc-editor.org/rfc/rfc7766#section-6.2).
#[derive(Debug)]
pub struct TcpConnection {
    demux: Demux,
    /// The time for which the connection stays open without an asker.
    idle: Duration,
    /// When the connection is closed; set while there is no asker.
    idle_at: Option<Instant>,
    established: bool,
    /// True when the connection takes no new askers.
    retired: bool,
    /// The messages that are still to be written, each preceded by its length.
    unsent: Vec<u8>,
    /// The part of the next message that has arrived, preceded by the message's length.
    received: Vec<u8>,
    /// Number of messages since the last one that may be the answer to a query.
    unasked: usize,
    end: Option<ConnectionEnd>,
}

/// How a [`TcpConnection`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// It could not be established.
    Failed(io::ErrorKind),
    /// The server has sent more than 64 messages in a row that answer no query.
    Flooded,
    /// It was established, then closed or reset. What the server has not answered may be asked
    /// again over another connection (RFC 7766 section 6.2.4).
    Closed,
    /// The last asker has left.
    Unused,
}

impl TcpConnection {
    /// Returns a connection that is being established, and its first asker. It is closed when it
    /// has had no asker for `idle`.
    #[must_use]
    pub fn new(idle: Duration) -> (Self, Asker) {
        let mut demux = Demux::new(MAX_INBOX);
        let first = demux.join();
        let connection = Self {
            demux,
            idle,
            idle_at: None,
            established: false,
            retired: false,
            unsent: Vec::new(),
            received: Vec::new(),
            unasked: 0,
            end: None,
        };
        (connection, first)
    }

    /// Adds an asker; `None` where 32 have joined, or where the connection takes no more.
    pub fn join(&mut self) -> Option<Asker> {
        if self.is_over() || self.demux.len() >= MAX_IN_FLIGHT {
            return None;
        }
        self.idle_at = None;
        Some(self.demux.join())
    }

    /// Asks a question, once for each asker: a whole message without its length.
    ///
    /// Ignores a message that is shorter than an id or longer than 65,535 bytes, and one of an
    /// asker that has left.
    pub fn ask(&mut self, asker: Asker, message: &[u8]) {
        let (Some((id, body)), Ok(length)) = (
            message.split_first_chunk::<2>(),
            u16::try_from(message.len()),
        ) else {
            return;
        };
        let id = u16::from_be_bytes(*id);
        if let Some(id) = self.demux.add_or_join(asker, id, body) {
            for part in [&length.to_be_bytes(), &id.to_be_bytes(), body] {
                self.unsent.extend_from_slice(part);
            }
        }
    }

    /// Removes an asker, which has its answer or gives up.
    pub fn leave(&mut self, asker: Asker, now: Instant) {
        self.retired |= self.demux.leave(asker);
        if self.demux.len() == 0 && self.idle_at.is_none() {
            self.idle_at = now.checked_add(self.idle);
        }
        self.end_if_unused();
    }

    /// Refuses new askers from now on; the connection ends when the last one leaves.
    pub fn retire(&mut self) {
        self.retired = true;
        self.end_if_unused();
    }

    /// Returns whether the connection takes no new askers.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.retired || self.end.is_some()
    }

    /// Returns how the connection ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<ConnectionEnd> {
        self.end
    }

    /// Returns the bytes that are to be written.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        &self.unsent
    }

    /// Handles a write of the first `count` bytes of [`unsent`](Self::unsent).
    pub fn handle_sent(&mut self, count: usize) {
        self.unsent.drain(..count.min(self.unsent.len()));
    }

    /// Handles the end of the handshake: the connection is established.
    pub fn handle_established(&mut self) {
        self.established = true;
    }

    /// Handles bytes that have arrived. Ends the connection where the server floods it with messages
    /// that answer no query, which would take the processor's time until the lookup ends.
    pub fn handle_received(&mut self, mut bytes: &[u8]) {
        while self.end != Some(ConnectionEnd::Flooded)
            && let Some(message) = self.next_message(&mut bytes)
        {
            if self.demux.deliver(message) {
                self.unasked = 0;
                continue;
            }
            self.unasked += 1;
            if self.unasked > MAX_UNASKED {
                self.end = Some(ConnectionEnd::Flooded);
                self.received = Vec::new();
            }
        }
    }

    /// Handles the end of the connection: it could not be established or was reset (`error`), or
    /// the server closed it (`None`).
    pub fn handle_closed(&mut self, error: Option<io::ErrorKind>) {
        let end = match error {
            Some(kind) if !self.established => ConnectionEnd::Failed(kind),
            _ => ConnectionEnd::Closed,
        };
        self.end.get_or_insert(end);
    }

    /// Returns the next message for an asker, under the id that it chose.
    pub fn poll_reply(&mut self, asker: Asker) -> Option<Vec<u8>> {
        self.demux.poll_reply(asker).map(|reply| reply.bytes)
    }

    /// Returns whether [`poll_reply`](Self::poll_reply) has a message for an asker.
    #[must_use]
    pub fn has_reply(&self, asker: Asker) -> bool {
        self.demux.has_reply(asker)
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout); `None` while there is an
    /// asker, which has a deadline of its own.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.idle_at.filter(|_| self.end.is_none())
    }

    /// Handles the passing of time: call it at [`poll_timeout`](Self::poll_timeout), or at any
    /// other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.end = Some(ConnectionEnd::Unused);
        }
    }

    /// Returns the next whole message, and removes its bytes from `bytes`. The beginning of a
    /// message that is not whole yet is kept in `received`.
    fn next_message(&mut self, bytes: &mut &[u8]) -> Option<Vec<u8>> {
        loop {
            let received = &mut self.received;
            let whole = match received.first_chunk() {
                Some(&length) => LENGTH + usize::from(u16::from_be_bytes(length)),
                None => LENGTH,
            };
            let missing = whole - received.len();
            if missing == 0 {
                let mut message = std::mem::take(received);
                message.drain(..LENGTH);
                return Some(message);
            }
            if bytes.is_empty() {
                return None;
            }
            let (piece, rest) = bytes.split_at(bytes.len().min(missing));
            *bytes = rest;
            // The buffer grows with the bytes that have arrived. It gets the room for the whole
            // message only once a fifth of that has arrived.
            let arrived = received.len();
            if received.capacity() < arrived + piece.len() {
                received.reserve_exact(if missing <= 4 * arrived {
                    missing
                } else {
                    piece.len().max(arrived)
                });
            }
            received.extend_from_slice(piece);
        }
    }

    fn end_if_unused(&mut self) {
        if self.retired && self.demux.len() == 0 {
            self.end.get_or_insert(ConnectionEnd::Unused);
        }
    }
}
