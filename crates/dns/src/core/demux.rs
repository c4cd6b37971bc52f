//! Which query a reply answers, on a socket that several lookups share.

use std::collections::{BTreeMap, VecDeque};

/// One user of a shared socket or connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker(u64);

/// A message that a server sent to an [`Asker`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The whole message, under the id that the asker chose for its query.
    pub bytes: Vec<u8>,
    /// True for a datagram that was longer than the buffer, so that its end is lost.
    pub truncated: bool,
}

/// Assigns ids to the queries that go out on one socket, and sorts the replies by those ids.
///
/// An id is unique among the queries of a socket. Where the id that an asker chose is taken, the
/// query goes out under the next free one, and its replies come back under the id that was chosen.
///
/// Source: [RFC 5452 section 9.2](https://www.rfc-editor.org/rfc/rfc5452#section-9.2): the id of a
/// query is unpredictable, and no two queries on one socket have the same.
#[derive(Debug)]
pub(super) struct Demux {
    /// The maximum number of messages that one asker may leave unread. Further ones are dropped, as
    /// the system drops datagrams when a socket's buffer is full.
    max_inbox: usize,
    /// The number of askers so far, which is also the number in the newest [`Asker`].
    joined: u64,
    mailboxes: BTreeMap<Asker, Mailbox>,
    /// By the ids that they have on this socket.
    queries: BTreeMap<u16, SentQuery>,
}

#[derive(Debug, Default)]
struct Mailbox {
    /// The ids that the asker's queries have on this socket.
    ids: Vec<u16>,
    inbox: VecDeque<Delivered>,
}

/// A query that was sent, until the last of its askers leaves.
#[derive(Debug)]
struct SentQuery {
    /// The asker that sent it.
    first: Owner,
    /// Askers of the same query, which was not sent again for them.
    others: Vec<Owner>,
    /// The query after its id, where later askers may join it.
    body: Option<Box<[u8]>>,
    /// True once a message with its id has arrived.
    answered: bool,
}

/// An asker of a query, and the id that it chose for the query.
#[derive(Clone, Copy, Debug)]
struct Owner {
    asker: Asker,
    id: u16,
}

/// The recipient of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The asker that reads the socket: the datagram is in its buffer, under the id that it chose.
    Reader,
    /// Another asker, which [`poll_reply`](super::SharedUdp::poll_reply) has it for.
    Other(Asker),
    /// None: no query has the id, or the asker has left too many messages unread.
    Dropped,
}

impl Demux {
    pub(super) fn new(max_inbox: usize) -> Self {
        Self {
            max_inbox,
            joined: 0,
            mailboxes: BTreeMap::new(),
            queries: BTreeMap::new(),
        }
    }

    /// Adds an asker.
    pub(super) fn join(&mut self) -> Asker {
        self.joined += 1;
        let asker = Asker(self.joined);
        self.mailboxes.insert(asker, Mailbox::default());
        asker
    }

    /// Returns the number of askers.
    pub(super) fn len(&self) -> usize {
        self.mailboxes.len()
    }

    /// Adds a query for which the asker chose `id`; returns the id under which to send it. `None`
    /// for an asker that has left.
    pub(super) fn add(&mut self, asker: Asker, id: u16) -> Option<u16> {
        self.insert(Owner { asker, id }, None)
    }

    /// Adds a query as [`add`](Self::add) does; `None` also where the same query, which is `body`
    /// after its id, is on its way: the asker then gets the reply to that one.
    pub(super) fn add_or_join(&mut self, asker: Asker, id: u16, body: &[u8]) -> Option<u16> {
        let owner = Owner { asker, id };
        let mut queries = self.queries.iter_mut();
        let same = queries.find(|(_, query)| {
            !query.answered && query.body.as_deref().is_some_and(|sent| sent == body)
        });
        let Some((&sent_id, query)) = same else {
            return self.insert(owner, Some(body.into()));
        };
        let mailbox = self.mailboxes.get_mut(&asker)?;
        mailbox.ids.push(sent_id);
        query.others.push(owner);
        None
    }

    fn insert(&mut self, owner: Owner, body: Option<Box<[u8]>>) -> Option<u16> {
        let mailbox = self.mailboxes.get_mut(&owner.asker)?;
        let mut sent_id = owner.id;
        while self.queries.contains_key(&sent_id) {
            sent_id = sent_id.wrapping_add(1);
        }
        mailbox.ids.push(sent_id);
        self.queries.insert(
            sent_id,
            SentQuery {
                first: owner,
                others: Vec::new(),
                body,
                answered: false,
            },
        );
        Some(sent_id)
    }

    /// Hands a message to every asker of the query with its id: the message itself to the first,
    /// copies to the others. Returns whether it is the first message with the id of a query.
    pub(super) fn deliver(&mut self, message: Vec<u8>) -> bool {
        let Some(query) = sent_id(&message).and_then(|id| self.queries.get_mut(&id)) else {
            return false;
        };
        let is_first = !std::mem::replace(&mut query.answered, true);
        for other in &query.others {
            if let Some(mailbox) = self.mailboxes.get_mut(&other.asker)
                && mailbox.inbox.len() < self.max_inbox
            {
                mailbox.push(message.clone(), other.id, false);
            }
        }
        if let Some(mailbox) = self.mailboxes.get_mut(&query.first.asker)
            && mailbox.inbox.len() < self.max_inbox
        {
            mailbox.push(message, query.first.id, false);
        }
        is_first
    }

    /// Finds the asker of a datagram, which is in the buffer of `reader`. A datagram for the reader
    /// stays there, with the id that the reader chose; one for another asker is copied.
    pub(super) fn deliver_datagram(
        &mut self,
        reader: Asker,
        datagram: &mut [u8],
        truncated: bool,
    ) -> Recipient {
        let Some(query) = sent_id(datagram).and_then(|id| self.queries.get_mut(&id)) else {
            return Recipient::Dropped;
        };
        query.answered = true;
        let owner = query.first;
        if owner.asker == reader {
            restore_id(datagram, owner.id);
            return Recipient::Reader;
        }
        match self.mailboxes.get_mut(&owner.asker) {
            Some(mailbox) if mailbox.inbox.len() < self.max_inbox => {
                mailbox.push(datagram.to_vec(), owner.id, truncated);
                Recipient::Other(owner.asker)
            }
            _ => Recipient::Dropped,
        }
    }

    /// Returns the next message for an asker.
    pub(super) fn poll_reply(&mut self, asker: Asker) -> Option<Delivered> {
        self.mailboxes.get_mut(&asker)?.inbox.pop_front()
    }

    /// Returns whether [`poll_reply`](Self::poll_reply) has a message for an asker.
    pub(super) fn has_reply(&self, asker: Asker) -> bool {
        let mailbox = self.mailboxes.get(&asker);
        mailbox.is_some_and(|mailbox| !mailbox.inbox.is_empty())
    }

    /// Removes an asker, and the queries that it alone asked; returns whether one of these was not
    /// answered.
    pub(super) fn leave(&mut self, asker: Asker) -> bool {
        let mut given_up = false;
        for id in self.mailboxes.remove(&asker).unwrap_or_default().ids {
            if let Some(query) = self.queries.get_mut(&id)
                && !query.remove(asker)
            {
                given_up |= !query.answered;
                self.queries.remove(&id);
            }
        }
        given_up
    }
}

impl Mailbox {
    fn push(&mut self, mut bytes: Vec<u8>, id: u16, truncated: bool) {
        restore_id(&mut bytes, id);
        self.inbox.push_back(Delivered { bytes, truncated });
    }
}

impl SentQuery {
    /// Removes an asker; returns whether another one is left.
    fn remove(&mut self, asker: Asker) -> bool {
        self.others.retain(|owner| owner.asker != asker);
        if self.first.asker != asker {
            return true;
        }
        let next = self.others.pop();
        self.first = next.unwrap_or(self.first);
        next.is_some()
    }
}

fn sent_id(message: &[u8]) -> Option<u16> {
    message.first_chunk().map(|&id| u16::from_be_bytes(id))
}

fn restore_id(message: &mut [u8], id: u16) {
    if let Some(first) = message.first_chunk_mut() {
        *first = id.to_be_bytes();
    }
}
