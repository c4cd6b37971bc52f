//! The sockets of one lookup.

use super::output::{Output, SocketId};
use crate::Transport;

/// One socket and who uses it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: SocketId,
    /// The index of the server in the plan.
    pub(super) server: usize,
    pub(super) transport: Transport,
    /// What it was opened for: only queries of the same attempt share a socket.
    pub(super) attempt: Attempt,
    /// A bit for each type of records.
    pub(super) users: u8,
}

/// Which attempt of a lookup: the round, and whether it is the query's second copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) candidate: usize,
    pub(super) round: u32,
    pub(super) copy: bool,
    /// Whether other lookups may use it too.
    pub(super) shared: bool,
    /// The type of records, where each has sockets of its own: over TCP always.
    pub(super) own: Option<usize>,
}

/// The sockets of one lookup.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    list: Vec<Socket>,
    opened: u32,
}

impl Sockets {
    /// A socket for a query: one that others of the same attempt use, else a new one, which
    /// `outputs` then opens.
    pub(super) fn take(
        &mut self,
        wanted: &Socket,
        outputs: &mut std::collections::VecDeque<Output>,
        address: std::net::SocketAddr,
    ) -> SocketId {
        let fits = |socket: &&mut Socket| {
            (socket.server, socket.transport, socket.attempt)
                == (wanted.server, wanted.transport, wanted.attempt)
        };
        if let Some(socket) = self.list.iter_mut().find(fits) {
            socket.users |= wanted.users;
            return socket.id;
        }
        self.opened += 1;
        let id = SocketId(self.opened);
        self.list.push(Socket { id, ..*wanted });
        let shared = wanted.attempt.shared;
        outputs.push_back(match wanted.transport {
            Transport::Udp => Output::OpenUdp {
                socket: id,
                server: address,
                shared,
            },
            Transport::Tcp => Output::OpenTcp {
                socket: id,
                server: address,
                shared,
            },
        });
        id
    }

    /// Takes a user off a socket; whether nobody uses it any more, so that it is to be closed.
    pub(super) fn release(&mut self, id: SocketId, user: u8) -> bool {
        let Some(at) = self.list.iter().position(|socket| socket.id == id) else {
            return false;
        };
        let socket = &mut self.list[at];
        socket.users &= !user;
        let over = socket.users == 0;
        if over {
            self.list.swap_remove(at);
        }
        over
    }

    /// Forgets a socket that is dead.
    pub(super) fn remove(&mut self, id: SocketId) {
        self.list.retain(|socket| socket.id != id);
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = SocketId> {
        self.list.drain(..).map(|socket| socket.id)
    }
}

impl Socket {
    pub(super) fn wanted(server: usize, transport: Transport, attempt: Attempt, users: u8) -> Self {
        Self {
            id: SocketId(0),
            server,
            transport,
            attempt,
            users,
        }
    }
}
