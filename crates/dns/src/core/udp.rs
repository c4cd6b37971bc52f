//! One UDP socket, for the queries of several lookups.

use std::io;

use super::demux::{Asker, Delivered, Demux, Recipient};

/// The number of lookups that one socket serves. The next one gets a new socket and so a new port,
/// so that an off-path attacker has little time to find the port.
const MAX_LOOKUPS: u32 = 64;
/// The maximum number of datagrams that wait for one asker. Further ones are dropped, as the system
/// drops datagrams when a socket's buffer is full.
const MAX_INBOX: usize = 64;

/// A UDP socket connected to one server, for the queries of several lookups, without any I/O.
///
/// An [`Asker`] joins, sends queries, takes the datagrams that arrive under their ids, and leaves.
/// The asker decides which datagram answers its question.
///
/// One asker at a time reads the socket: see [`read`](Self::read). It passes each datagram to
/// [`handle_datagram`](Self::handle_datagram), and the other askers wait until they are woken. When
/// [`leave`](Self::leave) returns true the socket has no reader: wake any asker that waits, and it
/// becomes the reader when it calls [`read`](Self::read).
///
/// # Examples
///
/// ```
/// use trunkline_dns::core::{Recipient, SharedUdp};
///
/// let (mut socket, first) = SharedUdp::new();
/// let second = socket.join().expect("room");
/// // Both have chosen the id 7: the second query goes out under the id 8.
/// let mut query = *b"\0\x07 and so on";
/// socket.ask(first, &mut query);
/// assert_eq!(query[..2], [0, 7]);
/// socket.ask(second, &mut query);
/// assert_eq!(query[..2], [0, 8]);
/// assert!(socket.read(first) && !socket.read(second));
/// let mut reply = *b"\0\x08 an answer";
/// let recipient = socket.handle_datagram(first, &mut reply, false);
/// assert_eq!(recipient, Recipient::Other(second));
/// assert_eq!(socket.poll_reply(second).expect("a reply").bytes[..2], [0, 7]);
/// ```
///
/// Source: [RFC 5452 section 9.2](https://www.rfc-editor.org/rfc/rfc5452#section-9.2) for ids and
/// ports.
#[derive(Debug)]
pub struct SharedUdp {
    demux: Demux,
    /// Lookups that have joined, those that have left included.
    lookups: u32,
    reader: Option<Asker>,
    failure: Option<io::ErrorKind>,
}

impl SharedUdp {
    /// Returns the state of a new socket, and its first asker.
    #[must_use]
    pub fn new() -> (Self, Asker) {
        let mut demux = Demux::new(MAX_INBOX);
        let first = demux.join();
        let socket = Self {
            demux,
            lookups: 1,
            reader: None,
            failure: None,
        };
        (socket, first)
    }

    /// Adds an asker; `None` where the socket has failed or has served 64 lookups.
    pub fn join(&mut self) -> Option<Asker> {
        if self.failure.is_some() || self.lookups == MAX_LOOKUPS {
            return None;
        }
        self.lookups += 1;
        Some(self.demux.join())
    }

    /// Adds a query, and replaces its id where another query on this socket has the same.
    pub fn ask(&mut self, asker: Asker, query: &mut [u8]) {
        if let Some(id) = query.first_chunk_mut()
            && let Some(sent) = self.demux.add(asker, u16::from_be_bytes(*id))
        {
            *id = sent.to_be_bytes();
        }
    }

    /// Makes an asker the reader of the socket where there is none; returns whether it is the
    /// reader.
    pub fn read(&mut self, asker: Asker) -> bool {
        *self.reader.get_or_insert(asker) == asker
    }

    /// Handles a datagram in the buffer of the reader: returns which asker it is for, and restores
    /// the id that this asker chose. `truncated` is true where the datagram was longer than the
    /// buffer.
    pub fn handle_datagram(
        &mut self,
        reader: Asker,
        datagram: &mut [u8],
        truncated: bool,
    ) -> Recipient {
        self.demux.deliver_datagram(reader, datagram, truncated)
    }

    /// Handles a failure of the socket, which ends it for all askers: wake them.
    pub fn handle_failed(&mut self, error: io::ErrorKind) {
        self.failure.get_or_insert(error);
    }

    /// Returns how the socket failed, once it has.
    #[must_use]
    pub fn failure(&self) -> Option<io::ErrorKind> {
        self.failure
    }

    /// Returns the next datagram for an asker.
    pub fn poll_reply(&mut self, asker: Asker) -> Option<Delivered> {
        self.demux.poll_reply(asker)
    }

    /// Removes an asker and its queries; returns whether the socket now has askers and no reader.
    pub fn leave(&mut self, asker: Asker) -> bool {
        self.demux.leave(asker);
        self.reader = self.reader.filter(|&reader| reader != asker);
        self.reader.is_none() && self.demux.len() > 0
    }
}
