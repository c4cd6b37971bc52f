//! One UDP socket of the DNS client, with several askers.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use trunkline_dns::core::{Asker, Recipient, SharedUdp};

use crate::input::Input;

/// The number of ids from which askers choose: few, so that several choose the same one.
const IDS: u8 = 4;
/// The maximum number of askers that join one socket.
const MAX_LOOKUPS: usize = 64;
/// The maximum number of datagrams that wait for one asker.
const MAX_INBOX: usize = 64;

/// For any events in any order: at most 64 askers join, and none after a failure. No two queries
/// have one id. A datagram reaches the asker of its id and no other, under the id that the asker
/// chose. At most one asker reads, and when the reader leaves, another one can read.
pub fn dns_udp(data: &[u8]) {
    let mut input = Input::new(data);
    let mut model = Model::new();
    while !input.is_empty() {
        model.step(&mut input);
    }
}

/// A model of a socket, and the socket.
struct Model {
    socket: SharedUdp,
    joined: usize,
    failed: bool,
    reader: Option<Asker>,
    /// The datagrams that wait for each asker.
    askers: BTreeMap<Asker, VecDeque<Vec<u8>>>,
    /// By the id on the socket: the asker, and the id that it chose.
    queries: BTreeMap<u16, (Asker, u16)>,
}

impl Model {
    fn new() -> Self {
        let (socket, first) = SharedUdp::new();
        Self {
            socket,
            joined: 1,
            failed: false,
            reader: None,
            askers: BTreeMap::from([(first, VecDeque::new())]),
            queries: BTreeMap::new(),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0..=3 => self.join(),
            4..=7 => {
                let id = u16::from(input.below(IDS));
                if let Some(asker) = self.some_asker(input) {
                    self.ask(asker, id);
                }
            }
            8..=11 => {
                let id = u16::from(input.below(2 * IDS));
                let message = [&id.to_be_bytes()[..], &input.bytes(4)].concat();
                if let Some(asker) = self.some_asker(input) {
                    self.read(asker, message);
                }
            }
            12 => {
                if let Some(asker) = self.some_asker(input) {
                    let expected = self.askers.get_mut(&asker).and_then(VecDeque::pop_front);
                    let reply = self.socket.poll_reply(asker);
                    assert_eq!(reply.map(|reply| reply.bytes), expected);
                }
            }
            13 | 14 => {
                if let Some(asker) = self.some_asker(input) {
                    self.leave(asker);
                }
            }
            _ => {
                if input.below(8) == 0 {
                    self.failed = true;
                    self.socket.handle_failed(io::ErrorKind::NetworkDown);
                }
                assert_eq!(self.socket.failure().is_some(), self.failed);
            }
        }
    }

    fn some_asker(&self, input: &mut Input<'_>) -> Option<Asker> {
        let at = usize::from(input.below(64)) % self.askers.len().max(1);
        self.askers.keys().nth(at).copied()
    }

    fn join(&mut self) {
        let asker = self.socket.join();
        let has_room = !self.failed && self.joined < MAX_LOOKUPS;
        assert_eq!(asker.is_some(), has_room);
        if let Some(asker) = asker {
            self.joined += 1;
            let before = self.askers.insert(asker, VecDeque::new());
            assert!(before.is_none(), "two askers are one");
        }
    }

    fn ask(&mut self, asker: Asker, id: u16) {
        let mut query = [0, 0, 7];
        query[..2].copy_from_slice(&id.to_be_bytes());
        self.socket.ask(asker, &mut query);
        let sent = u16::from_be_bytes([query[0], query[1]]);
        assert!(sent == id || self.queries.contains_key(&id), "id is free");
        let before = self.queries.insert(sent, (asker, id));
        assert!(before.is_none(), "two queries have one id");
    }

    /// Lets an asker read a datagram, where it is the reader.
    fn read(&mut self, asker: Asker, mut datagram: Vec<u8>) {
        let reader = *self.reader.get_or_insert(asker);
        assert_eq!(self.socket.read(asker), reader == asker);
        if reader != asker {
            return;
        }
        let id = u16::from_be_bytes([datagram[0], datagram[1]]);
        let before = datagram.clone();
        let recipient = self.socket.handle_datagram(reader, &mut datagram, false);
        let Some((owner, own)) = self.queries.get(&id) else {
            assert_eq!((recipient, datagram), (Recipient::Dropped, before));
            return;
        };
        let restored = [&own.to_be_bytes(), &before[2..]].concat();
        if *owner == reader {
            assert_eq!((recipient, datagram), (Recipient::Reader, restored));
            return;
        }
        let inbox = self.askers.get_mut(owner).expect("an asker with a query");
        if inbox.len() < MAX_INBOX {
            inbox.push_back(restored);
            assert_eq!(recipient, Recipient::Other(*owner));
        } else {
            assert_eq!(recipient, Recipient::Dropped);
        }
    }

    fn leave(&mut self, asker: Asker) {
        let needs_reader = self.socket.leave(asker);
        self.askers.remove(&asker);
        self.queries.retain(|_, (owner, _)| *owner != asker);
        self.reader = self.reader.filter(|&reader| reader != asker);
        let expected = self.reader.is_none() && !self.askers.is_empty();
        assert_eq!(needs_reader, expected);
        assert_eq!(self.socket.poll_reply(asker), None, "it has left");
    }
}
