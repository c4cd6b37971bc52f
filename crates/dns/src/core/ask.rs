//! One question of a lookup: one type of records of the candidate that is being tried.

use std::time::{Duration, Instant};

use super::output::SocketId;
use super::result::Finding;
use crate::{Name, RecordType, Transport};

/// One question of a lookup.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) record_type: RecordType,
    pub(super) state: State,
    /// The id of the exchange that it left last: a reply may still be under way.
    pub(super) left: Option<u16>,
    /// Whether its finding was told as an event.
    pub(super) told: bool,
}

#[derive(Debug)]
pub(super) enum State {
    /// Not asked yet.
    Waiting,
    /// Being asked.
    Active(Active),
    /// Over.
    Done(Finding),
}

/// A place in the rounds, and in the list of servers by index.
pub(super) type Place = (u32, usize);

/// A question that is being asked.
#[derive(Debug)]
pub(super) struct Active {
    /// When the first server was asked.
    pub(super) started: Instant,
    /// How often the list of servers was gone through.
    pub(super) round: u32,
    /// The server that is being asked, by index.
    pub(super) server: usize,
    /// Whether a server of this round stayed silent: then another round may help.
    pub(super) silence: bool,
    /// The other family has been answered: this one must be over by then.
    pub(super) give_up: Option<Instant>,
    pub(super) attempt: Exchange,
}

/// One exchange with one server.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) transport: Transport,
    pub(super) id: u16,
    /// The name in the letters that were sent.
    pub(super) sent_name: Name,
    pub(super) edns: bool,
    pub(super) cookie: Option<Box<[u8]>>,
    /// The socket, and that of the second copy.
    pub(super) sockets: Vec<SocketId>,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
    /// The time that it may take.
    pub(super) timeout: Duration,
    /// When a second copy goes out, from another port.
    pub(super) copy_at: Option<Instant>,
    /// Messages that did not match.
    pub(super) ignored: u32,
    /// Whether a connection that was closed has been replaced.
    pub(super) reconnected: bool,
    /// How often the server has asked for its cookie.
    pub(super) bad_cookies: u8,
    /// Whether more than one copy went out, so that the round trip cannot be told.
    pub(super) repeated: bool,
}

impl Ask {
    pub(super) fn active(&self) -> Option<&Active> {
        match &self.state {
            State::Active(active) => Some(active),
            State::Waiting | State::Done(_) => None,
        }
    }

    pub(super) fn active_mut(&mut self) -> Option<&mut Active> {
        match &mut self.state {
            State::Active(active) => Some(active),
            State::Waiting | State::Done(_) => None,
        }
    }

    pub(super) fn finding(&self) -> Option<&Finding> {
        match &self.state {
            State::Done(finding) => Some(finding),
            State::Waiting | State::Active(_) => None,
        }
    }
}

impl Active {
    /// How far in the rounds and the list of servers the question has come.
    pub(super) fn place(&self) -> Place {
        (self.round, self.server)
    }

    /// When something is due.
    pub(super) fn due(&self) -> Instant {
        [self.attempt.copy_at, self.give_up]
            .into_iter()
            .flatten()
            .fold(self.attempt.deadline, Instant::min)
    }
}
