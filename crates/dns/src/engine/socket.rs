//! The sockets of one lookup.

use super::output::{Output, SocketId};
use crate::Transport;
use crate::wire::MAX_MESSAGE;

/// One socket and who uses it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: SocketId,
    /// The index of the server in the plan.
    pub(super) server: usize,
    pub(super) transport: Transport,
    /// What it was opened for: only queries of the same attempt share a UDP socket.
    pub(super) attempt: Attempt,
    /// A bit for each type of records.
    pub(super) users: u8,
    /// A connection over which nothing comes: not for new queries.
    stale: bool,
    /// What came over a connection and is no whole message yet.
    buffer: Vec<u8>,
}

/// Which attempt of a lookup: the round, and whether it is the query's second copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) candidate: usize,
    pub(super) round: u32,
    pub(super) copy: bool,
    /// Whether the socket may be one of the pool.
    pub(super) shared: bool,
    /// The type of records, where each has sockets of its own.
    pub(super) own: Option<usize>,
}

impl Socket {
    /// Takes octets of a stream in, and whole messages out (RFC 1035 section 4.2.2). What is kept
    /// is below one message: it grows with what came, not with what a length promises.
    pub(super) fn messages(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.buffer.extend_from_slice(bytes);
        let mut messages = Vec::new();
        let mut rest = &*self.buffer;
        while let Some((length, tail)) = rest.split_at_checked(2) {
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let Some((message, tail)) = tail.split_at_checked(length) else {
                break;
            };
            messages.push(message.to_vec());
            rest = tail;
        }
        let used = self.buffer.len() - rest.len();
        self.buffer.drain(..used);
        debug_assert!(self.buffer.len() < MAX_MESSAGE + 2);
        messages
    }
}

/// The sockets of one lookup.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    list: Vec<Socket>,
    opened: u32,
}

impl Sockets {
    /// A socket for a query: one that others of the same attempt use, or a connection that stands,
    /// else a new one, which `outputs` then opens.
    pub(super) fn take(
        &mut self,
        wanted: &Socket,
        outputs: &mut std::collections::VecDeque<Output>,
        address: std::net::SocketAddr,
    ) -> SocketId {
        let fits = |socket: &&mut Socket| {
            socket.server == wanted.server
                && socket.transport == wanted.transport
                && !socket.stale
                && (socket.transport == Transport::Tcp || socket.attempt == wanted.attempt)
        };
        if let Some(socket) = self.list.iter_mut().find(fits) {
            socket.users |= wanted.users;
            return socket.id;
        }
        self.opened += 1;
        let id = SocketId(self.opened);
        self.list.push(Socket {
            id,
            buffer: Vec::new(),
            ..*wanted
        });
        outputs.push_back(match wanted.transport {
            Transport::Udp => Output::OpenUdp {
                socket: id,
                server: address,
                shared: wanted.attempt.shared,
            },
            Transport::Tcp => Output::OpenTcp {
                socket: id,
                server: address,
            },
        });
        id
    }

    pub(super) fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        self.list.iter_mut().find(|socket| socket.id == id)
    }

    /// Takes a user off a socket; a datagram socket that nobody uses is to be closed, a connection
    /// stays for the next candidate or the other family.
    pub(super) fn release(&mut self, id: SocketId, user: u8) -> bool {
        let Some(at) = self.list.iter().position(|socket| socket.id == id) else {
            return false;
        };
        let socket = &mut self.list[at];
        socket.users &= !user;
        let over = socket.users == 0 && (socket.stale || socket.transport == Transport::Udp);
        if over {
            self.list.swap_remove(at);
        }
        over
    }

    /// Marks connections over which nothing comes.
    pub(super) fn retire(&mut self, ids: &[SocketId]) {
        for socket in self
            .list
            .iter_mut()
            .filter(|socket| ids.contains(&socket.id))
        {
            socket.stale = socket.transport == Transport::Tcp;
        }
    }

    /// Forgets a socket that is dead.
    pub(super) fn remove(&mut self, id: SocketId) -> Option<Socket> {
        let at = self.list.iter().position(|socket| socket.id == id)?;
        Some(self.list.swap_remove(at))
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
            stale: false,
            buffer: Vec::new(),
        }
    }
}
