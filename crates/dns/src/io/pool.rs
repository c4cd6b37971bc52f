//! Sockets that lookups share.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use trunkline_runtime::{Received, Runtime, UdpOptions, UdpSocket};

use super::connection::{self, Share};

/// A socket serves so many lookups: then the port is another one, so that who looks for it has
/// little time.
const LOOKUPS: u32 = 64;
/// Datagrams that wait for one lookup; more are dropped, as the system drops them.
const MAX_INBOX: usize = 64;
/// Datagrams that are read in one turn.
const TURN: usize = 64;

/// The sockets that lookups of a client share. Where it goes, they go.
#[derive(Debug)]
pub(super) struct Pool {
    /// For how long a connection stays open that nobody uses.
    idle: Duration,
    current: Mutex<Current>,
}

#[derive(Debug, Default)]
struct Current {
    /// The UDP sockets, one a server, with how many lookups have used it.
    sockets: BTreeMap<SocketAddr, (Arc<Shared>, u32)>,
    /// The TCP connections: one a server, more where it is full.
    connections: BTreeMap<SocketAddr, Vec<Arc<connection::Shared>>>,
}

impl Pool {
    pub(super) fn new(idle: Duration) -> Self {
        Self {
            idle,
            current: Mutex::default(),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of all: those who use them stay until they are done.
    pub(super) fn clear(&self) {
        let Current {
            sockets,
            connections,
        } = std::mem::take(&mut *self.current());
        drop(sockets);
        for connection in connections.values().flatten() {
            connection.retire();
        }
    }

    /// A share in a connection to the server, which is made where there is none with room.
    pub(super) fn join(&self, runtime: &Arc<dyn Runtime>, server: SocketAddr) -> Share {
        let mut current = self.current();
        let connections = current.connections.entry(server).or_default();
        connections.retain(|connection| !connection.is_over());
        if let Some(share) = connections.iter().find_map(connection::Shared::join) {
            return share;
        }
        let share = connection::Shared::connect(runtime, server, self.idle);
        connections.push(Arc::clone(share.connection()));
        share
    }

    /// A connection that nobody else uses.
    pub(super) fn connect(&self, runtime: &Arc<dyn Runtime>, server: SocketAddr) -> Share {
        let share = connection::Shared::connect(runtime, server, self.idle);
        share.connection().retire();
        share
    }

    /// A share in the server's socket, which is made where there is none that may be used.
    pub(super) fn take(&self, runtime: &dyn Runtime, server: SocketAddr) -> io::Result<Member> {
        let mut current = self.current();
        let current = &mut current.sockets;
        if let Some((shared, lookups)) = current.get_mut(&server)
            && *lookups < LOOKUPS
            && !shared.lock().is_dead()
        {
            *lookups += 1;
            return Ok(Shared::join(shared, *lookups));
        }
        let socket = runtime.connect_udp(server, &UdpOptions::default())?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                socket,
                members: BTreeMap::new(),
                queries: BTreeMap::new(),
                reader: None,
                dead: None,
            }),
        });
        let member = Shared::join(&shared, 1);
        current.insert(server, (shared, 1));
        Ok(member)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.clear();
    }
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
}

/// A socket and who uses it.
///
/// One of them, the reader, waits for the socket and hands out what comes by the id of the query;
/// the others wait for the reader. When the reader leaves it wakes another, who takes its place.
#[derive(Debug)]
struct State {
    socket: Box<dyn UdpSocket>,
    members: BTreeMap<u32, Mailbox>,
    /// By the ids that they have on this socket.
    queries: BTreeMap<u16, Query>,
    reader: Option<u32>,
    /// How the socket failed: nobody may use it any more.
    dead: Option<io::ErrorKind>,
}

/// A query that went out.
#[derive(Clone, Copy, Debug)]
struct Query {
    member: u32,
    /// The id that it had at first.
    own: [u8; 2],
}

/// What came for one who uses the socket.
#[derive(Debug, Default)]
struct Mailbox {
    /// The ids of its queries.
    ids: Vec<u16>,
    inbox: VecDeque<(Vec<u8>, bool)>,
    waker: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(shared: &Arc<Self>, member: u32) -> Member {
        shared.lock().members.insert(member, Mailbox::default());
        Member {
            shared: Arc::clone(shared),
            member,
            unsent: VecDeque::new(),
        }
    }
}

impl State {
    fn is_dead(&self) -> bool {
        self.dead.is_some()
    }

    /// The socket has failed: all are told.
    fn fail(&mut self, error: &io::Error) {
        self.dead = Some(error.kind());
        for other in self.members.values_mut() {
            if let Some(waker) = other.waker.take() {
                waker.wake();
            }
        }
    }

    /// The id under which a query goes out: its own, or the next one that nobody has on this socket
    /// (RFC 5452 section 9.2).
    fn take_id(&mut self, member: u32, own: [u8; 2]) -> [u8; 2] {
        let mut id = u16::from_be_bytes(own);
        while self.queries.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        if let Some(mailbox) = self.members.get_mut(&member) {
            mailbox.ids.push(id);
            self.queries.insert(id, Query { member, own });
        }
        id.to_be_bytes()
    }

    /// Hands a datagram out under the id that its query had at first; whether it is for `member`,
    /// who is not handed a copy.
    fn deliver(&mut self, member: u32, datagram: &mut [u8], truncated: bool) -> bool {
        let Some(id) = datagram.first_chunk_mut() else {
            return false;
        };
        let Some(query) = self.queries.get(&u16::from_be_bytes(*id)) else {
            return false;
        };
        *id = query.own;
        if query.member == member {
            return true;
        }
        if let Some(other) = self.members.get_mut(&query.member) {
            if other.inbox.len() < MAX_INBOX {
                other.inbox.push_back((datagram.to_vec(), truncated));
            }
            if let Some(waker) = other.waker.take() {
                waker.wake();
            }
        }
        false
    }
}

/// One lookup's share in a socket.
#[derive(Debug)]
pub(super) struct Member {
    shared: Arc<Shared>,
    member: u32,
    unsent: VecDeque<Vec<u8>>,
}

impl Member {
    pub(super) fn push(&mut self, mut bytes: Vec<u8>) {
        if let Some(id) = bytes.first_chunk_mut() {
            *id = self.shared.lock().take_id(self.member, *id);
        }
        self.unsent.push_back(bytes);
    }

    /// Sends what is to be sent; the next datagram with an id that was sent.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<Received>> {
        let mut state = self.shared.lock();
        let state = &mut *state;
        if let Some(kind) = state.dead {
            return Poll::Ready(Err(kind.into()));
        }
        while let Some(datagram) = self.unsent.front() {
            match state.socket.poll_send(cx, datagram) {
                Poll::Ready(Ok(())) => drop(self.unsent.pop_front()),
                Poll::Ready(Err(error)) => {
                    state.fail(&error);
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => break,
            }
        }
        let reading = state.reader.is_none_or(|reader| reader == self.member);
        if let Some(mailbox) = state.members.get_mut(&self.member) {
            if let Some((datagram, truncated)) = mailbox.inbox.pop_front() {
                let len = datagram.len().min(buffer.len());
                buffer[..len].copy_from_slice(&datagram[..len]);
                return Poll::Ready(Ok(Received { len, truncated }));
            }
            mailbox.waker = Some(cx.waker().clone());
        }
        if !reading {
            return Poll::Pending;
        }
        state.reader = Some(self.member);
        for _ in 0..TURN {
            match state.socket.poll_recv(cx, buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => {
                    state.fail(&error);
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(received)) => {
                    let datagram = buffer.get_mut(..received.len).unwrap_or_default();
                    if state.deliver(self.member, datagram, received.truncated) {
                        return Poll::Ready(Ok(received));
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        for id in state.members.remove(&self.member).unwrap_or_default().ids {
            state.queries.remove(&id);
        }
        if state.reader == Some(self.member) {
            state.reader = None;
            // Somebody who still waits must wait for the socket from now on.
            if let Some(waker) = state
                .members
                .values_mut()
                .find_map(|other| other.waker.take())
            {
                drop(state);
                waker.wake();
            }
        }
    }
}
