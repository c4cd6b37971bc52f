//! One TCP connection, for the queries of many lookups.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// Queries that may wait for their replies over one connection at the same time, as hickory has it.
const MAX_IN_FLIGHT: usize = 32;
/// Messages that one asker leaves lying; what comes beyond is dropped, as a datagram would be.
const MAX_INBOX: usize = 4;

/// A TCP connection to one server, for the queries of many lookups, without any I/O (RFC 7766).
///
/// An [`Asker`] joins, asks one question, takes the messages that come under its id, and leaves
/// when one of them is the answer: which one is, is for the asker to judge. Replies may come in any
/// order. Ids are unique among the questions that are under way: where an asker's own is taken, its
/// query goes out under another, and the reply comes back under its own. A question that is under
/// way already is not sent again; all who ask it get the reply. A question that is given up before
/// its reply came, as one that timed out, is the last straw: nobody knows whether the connection
/// still works, so it takes no new askers, and ends with those that it has.
///
/// Tell it what happened with the `handle_*` methods; after each, write what
/// [`unsent`](Self::unsent) has, take what [`poll_reply`](Self::poll_reply) has for each asker, and
/// wait for the socket or for [`poll_timeout`](Self::poll_timeout), until [`end`](Self::end) says
/// that the connection is to be dropped. `now` never goes backwards.
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
    /// For how long it stays open without an asker.
    idle: Duration,
    /// When it is closed; set while there is no asker.
    idle_at: Option<Instant>,
    established: bool,
    /// Takes no new askers.
    retired: bool,
    askers: Vec<Asking>,
    /// Askers so far.
    joined: u64,
    questions: Vec<Question>,
    /// Messages with their lengths that are still to be written.
    unsent: Vec<u8>,
    /// What came of a message, and its length before it.
    received: Vec<u8>,
    end: Option<ConnectionEnd>,
}

/// One who asks over a [`TcpConnection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker(u64);

/// How a [`TcpConnection`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// It could not be made.
    Failed(io::ErrorKind),
    /// It stood, and was closed or reset: what the server has not answered may be asked anew, over
    /// another one (RFC 7766 section 6.2.4).
    Closed,
    /// Nobody needed it any more.
    Unused,
}

#[derive(Debug)]
struct Asking {
    asker: Asker,
    /// The id that its question has here, and the one that it gave it.
    ids: Option<(u16, u16)>,
    inbox: VecDeque<Vec<u8>>,
}

/// A question that was sent.
#[derive(Debug)]
struct Question {
    id: u16,
    /// The query after its id.
    body: Box<[u8]>,
    /// Whether a message has come under its id.
    answered: bool,
}

impl TcpConnection {
    /// A connection that is being made, for its first asker; it is closed when it had none for
    /// `idle`.
    #[must_use]
    pub fn new(idle: Duration) -> (Self, Asker) {
        let mut connection = Self {
            idle,
            idle_at: None,
            established: false,
            retired: false,
            askers: Vec::new(),
            joined: 0,
            questions: Vec::new(),
            unsent: Vec::new(),
            received: Vec::new(),
            end: None,
        };
        let first = connection.admit();
        (connection, first)
    }

    /// Takes one more asker; `None` where there is no room, or none any more.
    pub fn join(&mut self) -> Option<Asker> {
        let room = !self.is_over() && self.askers.len() < MAX_IN_FLIGHT;
        room.then(|| self.admit())
    }

    fn admit(&mut self) -> Asker {
        self.joined += 1;
        let asker = Asker(self.joined);
        self.askers.push(Asking {
            asker,
            ids: None,
            inbox: VecDeque::new(),
        });
        self.idle_at = None;
        asker
    }

    /// Asks a question, once an asker: a whole message without its length.
    ///
    /// A message that is no message at all, and one of an asker who has left, is passed over.
    pub fn ask(&mut self, asker: Asker, message: &[u8]) {
        let (Some((own, body)), Ok(length)) = (
            message.split_first_chunk::<2>(),
            u16::try_from(message.len()),
        ) else {
            return;
        };
        let own = u16::from_be_bytes(*own);
        let same = |question: &&Question| !question.answered && *question.body == *body;
        let under_way = self.questions.iter().find(same).map(|same| same.id);
        let id = under_way.unwrap_or_else(|| self.free_id(own));
        let Some(asking) = self.asking(asker) else {
            return;
        };
        asking.ids = Some((id, own));
        if under_way.is_none() {
            for part in [&length.to_be_bytes(), &id.to_be_bytes(), body] {
                self.unsent.extend_from_slice(part);
            }
            self.questions.push(Question {
                id,
                body: body.into(),
                answered: false,
            });
        }
    }

    /// An asker leaves, with its answer or without.
    pub fn leave(&mut self, asker: Asker, now: Instant) {
        self.askers.retain(|asking| asking.asker != asker);
        let (asked, given_up): (Vec<_>, _) = std::mem::take(&mut self.questions)
            .into_iter()
            .partition(|question| self.is_asked(question.id));
        self.questions = asked;
        self.retired |= given_up.iter().any(|question| !question.answered);
        if self.askers.is_empty() && self.idle_at.is_none() {
            self.idle_at = now.checked_add(self.idle);
        }
        self.end_if_unused();
    }

    /// Takes no new asker from now on, and ends with the last: its server is not to be asked any
    /// more.
    pub fn retire(&mut self) {
        self.retired = true;
        self.end_if_unused();
    }

    /// Whether it takes no new asker any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.retired || self.end.is_some()
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<ConnectionEnd> {
        self.end
    }

    /// What is to be written.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        &self.unsent
    }

    /// So many octets of [`unsent`](Self::unsent) were written.
    pub fn handle_sent(&mut self, count: usize) {
        self.unsent.drain(..count.min(self.unsent.len()));
    }

    /// The connection stands.
    pub fn handle_established(&mut self) {
        self.established = true;
    }

    /// Octets came.
    pub fn handle_received(&mut self, mut octets: &[u8]) {
        while let Some(message) = self.next_message(&mut octets) {
            self.deliver(message);
        }
    }

    /// The connection could not be made, or was reset (`error`), or closed by the server.
    pub fn handle_closed(&mut self, error: Option<io::ErrorKind>) {
        let end = match error {
            Some(kind) if !self.established => ConnectionEnd::Failed(kind),
            _ => ConnectionEnd::Closed,
        };
        self.end.get_or_insert(end);
    }

    /// The next message for an asker, under the id that it asked with.
    pub fn poll_reply(&mut self, asker: Asker) -> Option<Vec<u8>> {
        self.asking(asker)?.inbox.pop_front()
    }

    /// Whether [`poll_reply`](Self::poll_reply) has something for this asker.
    #[must_use]
    pub fn has_reply(&self, asker: Asker) -> bool {
        let mut askers = self.askers.iter();
        askers.any(|asking| asking.asker == asker && !asking.inbox.is_empty())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` while there is an
    /// asker, who has a deadline of its own.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.idle_at.filter(|_| self.end.is_none())
    }

    /// Time has passed; call it at [`poll_timeout`](Self::poll_timeout), or at any other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.end = Some(ConnectionEnd::Unused);
        }
    }

    fn asking(&mut self, asker: Asker) -> Option<&mut Asking> {
        self.askers.iter_mut().find(|asking| asking.asker == asker)
    }

    fn is_asked(&self, id: u16) -> bool {
        let mut askers = self.askers.iter();
        askers.any(|asking| asking.ids.is_some_and(|(here, _)| here == id))
    }

    /// The id itself, which nobody can predict, or the next one that is not taken.
    fn free_id(&self, mut id: u16) -> u16 {
        while self.questions.iter().any(|question| question.id == id) {
            id = id.wrapping_add(1);
        }
        id
    }

    /// Takes the next message out of what came, each after its length (RFC 1035 section 4.2.2).
    fn next_message(&mut self, octets: &mut &[u8]) -> Option<Vec<u8>> {
        loop {
            let received = &mut self.received;
            let whole = match received.first_chunk() {
                Some(&length) => 2 + usize::from(u16::from_be_bytes(length)),
                None => 2,
            };
            let missing = whole - received.len();
            if missing == 0 {
                let mut message = std::mem::take(received);
                message.drain(..2);
                return Some(message);
            }
            if octets.is_empty() {
                return None;
            }
            let (piece, rest) = octets.split_at(octets.len().min(missing));
            *octets = rest;
            // It grows with what came, not with what the length promises, until much of it is there.
            let came = received.len();
            if received.capacity() < came + piece.len() {
                received.reserve_exact(match missing <= 4 * came {
                    true => missing,
                    false => piece.len().max(came),
                });
            }
            received.extend_from_slice(piece);
        }
    }

    /// Hands a message to those who asked under its id; to nobody, where that was never asked.
    fn deliver(&mut self, mut message: Vec<u8>) {
        let Some(&id) = message.first_chunk() else {
            return;
        };
        let id = u16::from_be_bytes(id);
        let Some(question) = self.questions.iter_mut().find(|sent| sent.id == id) else {
            return;
        };
        question.answered = true;
        let mut askers = self
            .askers
            .iter_mut()
            .filter_map(|asking| match asking.ids {
                Some((here, own)) if here == id => Some((&mut asking.inbox, own)),
                _ => None,
            })
            .filter(|(inbox, _)| inbox.len() < MAX_INBOX)
            .peekable();
        while let Some((inbox, own)) = askers.next() {
            let mut message = match askers.peek() {
                Some(_) => message.clone(),
                None => std::mem::take(&mut message),
            };
            message[..2].copy_from_slice(&own.to_be_bytes());
            inbox.push_back(message);
        }
    }

    fn end_if_unused(&mut self) {
        if self.retired && self.askers.is_empty() {
            self.end.get_or_insert(ConnectionEnd::Unused);
        }
    }
}
