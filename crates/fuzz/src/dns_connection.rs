//! One TCP connection of the DNS client, with several askers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use trunkline_dns::core::{Asker, ConnectionEnd, TcpConnection};

use crate::input::Input;

const IDLE: Duration = Duration::from_secs(10);
/// The number of ids from which askers choose: few, so that several choose the same one.
const IDS: u8 = 4;
const QUESTIONS: [&[u8]; 4] = [b"", b"a", b"b", b"\0\0\0"];

/// For any events in any order: at most 32 askers have joined. No two questions that wait for a
/// reply have one id, and none was sent twice. A message reaches the askers of its id and no
/// others, under the id that each of them chose, until the server floods the connection: more than
/// 64 messages in a row answer nothing. Without an asker there is a deadline, which ends
/// the connection.
pub fn dns_connection(data: &[u8]) {
    let mut input = Input::new(data);
    let mut model = Model::new();
    while !input.is_empty() {
        model.step(&mut input);
        model.check();
    }
    for asker in model.askers.keys().copied().collect::<Vec<_>>() {
        model.leave(asker);
    }
    model.connection.handle_timeout(model.now + IDLE);
    assert!(model.connection.end().is_some(), "an end without askers");
}

/// A model of a connection, and the connection.
struct Model {
    connection: TcpConnection,
    now: Instant,
    /// The askers, each with the id of its question on the connection and the id that it chose.
    askers: BTreeMap<Asker, Option<(u16, u16)>>,
    /// The questions on the connection by their ids, and whether they were answered.
    questions: BTreeMap<u16, (Vec<u8>, bool)>,
    /// Number of messages since the last one that was the first with the id of a question.
    unasked: usize,
    /// The messages that each asker must get.
    due: BTreeMap<Asker, Vec<Vec<u8>>>,
}

impl Model {
    fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant will do as the start"
        )]
        let now = Instant::now();
        let (connection, first) = TcpConnection::new(IDLE);
        Self {
            connection,
            now,
            askers: BTreeMap::from([(first, None)]),
            questions: BTreeMap::new(),
            unasked: 0,
            due: BTreeMap::new(),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0..=3 => {
                let over = self.connection.is_over();
                let asker = self.connection.join();
                assert_eq!(asker.is_some(), !over && self.askers.len() < 32);
                if let Some(asker) = asker {
                    assert!(self.askers.insert(asker, None).is_none());
                }
            }
            4..=7 => {
                let asker = self.some_asker(input);
                let own = u16::from(input.below(IDS));
                let question = QUESTIONS[usize::from(input.below(4))];
                if let Some(asker) = asker.filter(|asker| self.askers[asker].is_none()) {
                    self.ask(asker, own, question);
                }
            }
            8..=11 => {
                let id = u16::from(input.below(2 * IDS));
                let message = [&id.to_be_bytes()[..], &input.bytes(8)].concat();
                self.receive(id, &message, usize::from(input.below(12)));
            }
            12 | 13 => {
                if let Some(asker) = self.some_asker(input) {
                    self.leave(asker);
                }
            }
            14 => {
                self.now += Duration::from_millis(u64::from(input.byte()) * 100);
                self.connection.handle_timeout(self.now);
            }
            _ => self.end(input.below(8)),
        }
    }

    fn some_asker(&self, input: &mut Input<'_>) -> Option<Asker> {
        let at = usize::from(input.below(32)) % self.askers.len().max(1);
        self.askers.keys().nth(at).copied()
    }

    fn ask(&mut self, asker: Asker, own: u16, question: &[u8]) {
        let same = |(_, (body, answered)): &(&u16, &(Vec<u8>, bool))| body == question && !answered;
        let under_way = self.questions.iter().find(same).map(|(&id, _)| id);
        let message = [&own.to_be_bytes()[..], question].concat();
        self.connection.ask(asker, &message);
        let sent = self.connection.unsent().to_vec();
        self.connection.handle_sent(sent.len());
        let id = match under_way {
            Some(id) => {
                assert!(sent.is_empty(), "it was sent already");
                id
            }
            None => {
                let length = u16::try_from(message.len()).expect("short");
                assert_eq!(sent[..2], length.to_be_bytes());
                assert_eq!(sent[4..], *question);
                let id = u16::from_be_bytes([sent[2], sent[3]]);
                let before = self.questions.insert(id, (question.to_vec(), false));
                assert!(before.is_none(), "an id is taken twice");
                id
            }
        };
        self.askers.insert(asker, Some((id, own)));
    }

    fn receive(&mut self, id: u16, message: &[u8], cut: usize) {
        let flooded = self.connection.end() == Some(ConnectionEnd::Flooded);
        if let Some((_, answered)) = self.questions.get_mut(&id).filter(|_| !flooded) {
            let is_first = !std::mem::replace(answered, true);
            self.unasked = if is_first { 0 } else { self.unasked + 1 };
            for (&asker, ids) in &self.askers {
                if let Some((_, own)) = ids.filter(|&(sent, _)| sent == id) {
                    let own = [&own.to_be_bytes(), &message[2..]].concat();
                    self.due.entry(asker).or_default().push(own);
                }
            }
        } else {
            self.unasked += 1;
        }
        let length = u16::try_from(message.len()).expect("short");
        let framed = [&length.to_be_bytes(), message].concat();
        let (first, rest) = framed.split_at(cut.min(framed.len()));
        self.connection.handle_received(first);
        self.connection.handle_received(rest);
        for &asker in self.askers.keys() {
            let due = self.due.remove(&asker).unwrap_or_default();
            assert_eq!(self.connection.has_reply(asker), !due.is_empty());
            for message in due {
                assert_eq!(self.connection.poll_reply(asker), Some(message));
            }
        }
    }

    fn leave(&mut self, asker: Asker) {
        self.connection.leave(asker, self.now);
        self.askers.remove(&asker);
        let asked: BTreeSet<u16> = self.askers.values().flatten().map(|&(id, _)| id).collect();
        let before = self.questions.len();
        let answered = self.questions.values().filter(|(_, answered)| *answered);
        let answered = answered.count();
        self.questions.retain(|id, _| asked.contains(id));
        let given_up = self.questions.values().filter(|(_, answered)| *answered);
        if before - answered > self.questions.len() - given_up.count() {
            assert!(self.connection.is_over(), "a question was given up");
        }
    }

    fn end(&mut self, how: u8) {
        match how {
            0 => self.connection.retire(),
            1 => self.connection.handle_closed(None),
            2 => self
                .connection
                .handle_closed(Some(io::ErrorKind::ConnectionReset)),
            _ => self.connection.handle_established(),
        }
    }

    fn check(&self) {
        let end = self.connection.end();
        let waits = self.connection.poll_timeout();
        assert_eq!(
            waits.is_some(),
            self.askers.is_empty() && end.is_none(),
            "a deadline without an asker, and only then"
        );
        assert!(end.is_none() || self.connection.is_over());
        assert!(end.is_some() || self.unasked <= 64, "a flood is let be");
        assert!(end != Some(ConnectionEnd::Flooded) || self.unasked > 64);
        assert!(end != Some(ConnectionEnd::Unused) || self.askers.is_empty());
    }
}
