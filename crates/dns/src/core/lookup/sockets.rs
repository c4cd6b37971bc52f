//! The sockets of one lookup.

use crate::Transport;
use crate::core::output::SocketId;

/// The maximum number of questions of a lookup, which is more than there are types of records.
pub(super) const MAX_QUESTIONS: usize = 8;

/// What a socket is opened for. Queries with the same purpose share a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Purpose {
    /// The index of the server in the plan.
    pub(super) server: usize,
    pub(super) transport: Transport,
    /// The index of the candidate in the plan.
    pub(super) candidate: usize,
    pub(super) round: u32,
    /// True for the second copy of a query, which leaves from another port.
    pub(super) copy: bool,
    /// True when other lookups may use the socket too.
    pub(super) shared: bool,
    /// The index of the question, where the questions of a lookup share no sockets: always over
    /// TCP, and over UDP with `single-request-reopen`. Else `None`.
    pub(super) own: Option<usize>,
}

#[derive(Debug)]
struct SocketEntry {
    id: SocketId,
    purpose: Purpose,
    /// A bit for each question that uses the socket; there are at most [`MAX_QUESTIONS`].
    users: u8,
}

/// The sockets of one lookup, and the questions that use them.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    list: Vec<SocketEntry>,
    /// The number of sockets so far, which is also the id of the newest socket.
    opened: u32,
}

impl Sockets {
    /// Returns a socket for a question, and whether it is new, so that it has to be opened.
    pub(super) fn take(&mut self, purpose: Purpose, question: usize) -> (SocketId, bool) {
        let mut list = self.list.iter_mut();
        if let Some(socket) = list.find(|socket| socket.purpose == purpose) {
            socket.users |= 1 << question;
            return (socket.id, false);
        }
        self.opened += 1;
        let id = SocketId(self.opened);
        self.list.push(SocketEntry {
            id,
            purpose,
            users: 1 << question,
        });
        (id, true)
    }

    /// Removes a question from the users of a socket; returns whether it was the last user, so that
    /// the socket has to be closed.
    pub(super) fn release(&mut self, id: SocketId, question: usize) -> bool {
        let Some(at) = self.list.iter().position(|socket| socket.id == id) else {
            return false;
        };
        let socket = &mut self.list[at];
        socket.users &= !(1 << question);
        let is_unused = socket.users == 0;
        if is_unused {
            self.list.swap_remove(at);
        }
        is_unused
    }

    /// Removes a socket that has failed.
    pub(super) fn remove(&mut self, id: SocketId) {
        self.list.retain(|socket| socket.id != id);
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = SocketId> {
        self.list.drain(..).map(|socket| socket.id)
    }
}
