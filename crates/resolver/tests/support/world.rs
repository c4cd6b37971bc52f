//! A runtime in virtual time, with a network for DNS over UDP and nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use trunkline_resolver::{Resolution, Resolver, ResolverOptions};
use trunkline_runtime::{
    BoxFuture, Received, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket,
};
use trunkline_testkit::dns::{Query, Reply, Script, Transport, Type};

/// The time from a query to its reply, without the reply's own delay.
const ROUND_TRIP: Duration = Duration::from_millis(1);

#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<WorldState>>);

struct WorldState {
    start: Instant,
    now: Instant,
    /// The deadline of each timer that is set, by id.
    timers: BTreeMap<u64, Instant>,
    /// The datagrams that each socket has not received yet, by id.
    sockets: BTreeMap<u64, VecDeque<Vec<u8>>>,
    /// Datagrams in transit: arrival time, id of the socket, content.
    flying: Vec<(Instant, u64, Vec<u8>)>,
    servers: BTreeMap<SocketAddr, Script>,
    queries: Vec<(SocketAddr, Query)>,
    tasks: Vec<BoxFuture<()>>,
    next_id: u64,
}

impl World {
    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time needs a first instant"
    )]
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Self(Arc::new(Mutex::new(WorldState {
            start,
            now: start,
            timers: BTreeMap::new(),
            sockets: BTreeMap::new(),
            flying: Vec::new(),
            servers: BTreeMap::new(),
            queries: Vec::new(),
            tasks: Vec::new(),
            next_id: 0,
        })))
    }

    pub(crate) fn options(&self) -> ResolverOptions {
        ResolverOptions::new(Arc::new(self.clone()))
    }

    /// Sets the reply of the server at this address to a query.
    pub(crate) fn set(&self, server: &str, name: &str, record_type: Type, reply: Reply) {
        let server = server.parse().expect("valid address");
        let mut state = self.lock();
        let script = state.servers.entry(server).or_default();
        script.set(name, record_type, None, [reply]);
    }

    /// Removes a name from the server at this address.
    pub(crate) fn remove(&self, server: &str, name: &str) {
        let server = server.parse().expect("valid address");
        self.lock().servers.entry(server).or_default().remove(name);
    }

    /// Returns the seconds since the start.
    pub(crate) fn elapsed(&self) -> f64 {
        let state = self.lock();
        (state.now - state.start).as_secs_f64()
    }

    /// Returns how many queries for this name and type the servers got.
    pub(crate) fn count(&self, name: &str, record_type: Type) -> usize {
        let state = self.lock();
        let queries = state.queries.iter();
        queries
            .filter(|(_, query)| query.name == name && query.record_type == record_type)
            .count()
    }

    /// Returns how many queries the servers got.
    pub(crate) fn total(&self) -> usize {
        self.lock().queries.len()
    }

    /// Lets time pass until the resolver returns a resolution; `None` after an hour without one.
    pub(crate) fn next(&self, resolver: &mut Box<dyn Resolver>) -> Option<Resolution> {
        self.next_within(Duration::from_secs(3600), resolver)
    }

    /// Lets time pass until the resolver returns a resolution, for at most `limit`.
    pub(crate) fn next_within(
        &self,
        limit: Duration,
        resolver: &mut Box<dyn Resolver>,
    ) -> Option<Resolution> {
        let end = self.lock().now + limit;
        let mut context = Context::from_waker(Waker::noop());
        // The bound stops a resolver that never waits.
        for _ in 0..100_000 {
            self.poll_tasks(&mut context);
            if let Poll::Ready(resolution) = resolver.poll_resolution(&mut context) {
                return Some(resolution);
            }
            self.poll_tasks(&mut context);
            if !self.lock().step(end) {
                return None;
            }
        }
        panic!("the resolver never waits");
    }

    fn poll_tasks(&self, context: &mut Context<'_>) {
        let mut tasks = std::mem::take(&mut self.lock().tasks);
        tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
        self.lock().tasks.extend(tasks);
    }

    fn lock(&self) -> MutexGuard<'_, WorldState> {
        self.0.lock().expect("unpoisoned lock")
    }
}

impl WorldState {
    /// Moves the time to the next event, but not beyond `end`. Returns false if no event is due before
    /// `end`.
    fn step(&mut self, end: Instant) -> bool {
        let timers = self.timers.values().copied();
        let next = timers.chain(self.flying.iter().map(|(at, ..)| *at)).min();
        let Some(next) = next.filter(|next| *next <= end) else {
            self.now = end;
            return false;
        };
        self.now = self.now.max(next);
        let now = self.now;
        let (landed, flying): (Vec<_>, Vec<_>) = std::mem::take(&mut self.flying)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.flying = flying;
        for (_, socket, datagram) in landed {
            if let Some(inbox) = self.sockets.get_mut(&socket) {
                inbox.push_back(datagram);
            }
        }
        true
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Delivers a datagram to a server, and puts its replies into transit.
    fn carry(&mut self, socket: u64, server: SocketAddr, datagram: &[u8]) {
        let from = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let Some(script) = self.servers.get_mut(&server) else {
            return;
        };
        let Some(response) = script.respond(datagram, Transport::Udp, from) else {
            return;
        };
        self.queries.push((server, response.query));
        let at = self.now + ROUND_TRIP + response.reply.delay;
        for message in response.messages {
            self.flying.push((at, socket, message));
        }
    }
}

impl Runtime for World {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(WorldTimer {
            id: self.lock().id(),
            world: self.clone(),
        })
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.lock().tasks.push(task);
    }

    fn fill_entropy(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.lock().id().wrapping_mul(0x9e37_79b9) as u8;
        }
    }

    fn connect_tcp(
        &self,
        _peer: SocketAddr,
        _options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
    }

    fn connect_udp(
        &self,
        peer: SocketAddr,
        _options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        let mut state = self.lock();
        let id = state.id();
        state.sockets.insert(id, VecDeque::new());
        Ok(Box::new(WorldSocket {
            id,
            peer,
            world: self.clone(),
        }))
    }

    /// Every destination has the same source address of its family, so RFC 6724 sorts by precedence.
    fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr> {
        Ok(match destination {
            SocketAddr::V4(_) => [192, 0, 2, 99].into(),
            SocketAddr::V6(_) => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x99].into(),
        })
    }
}

struct WorldTimer {
    id: u64,
    world: World,
}

impl Timer for WorldTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        let mut state = self.world.lock();
        match deadline {
            Some(deadline) => state.timers.insert(self.id, deadline),
            None => state.timers.remove(&self.id),
        };
    }

    fn poll_fired(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        let state = self.world.lock();
        match state.timers.get(&self.id) {
            Some(deadline) if *deadline <= state.now => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Drop for WorldTimer {
    fn drop(&mut self) {
        self.set(None);
    }
}

struct WorldSocket {
    id: u64,
    peer: SocketAddr,
    world: World,
}

impl UdpSocket for WorldSocket {
    fn poll_send(&mut self, _cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.world.lock().carry(self.id, self.peer, datagram);
        Poll::Ready(Ok(()))
    }

    fn poll_recv(
        &mut self,
        _cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<Received>> {
        let mut state = self.world.lock();
        let inbox = state.sockets.entry(self.id).or_default();
        let Some(datagram) = inbox.pop_front() else {
            return Poll::Pending;
        };
        let len = datagram.len().min(buffer.len());
        buffer[..len].copy_from_slice(&datagram[..len]);
        Poll::Ready(Ok(Received {
            len,
            truncated: len < datagram.len(),
        }))
    }
}

impl Drop for WorldSocket {
    fn drop(&mut self) {
        self.world.lock().sockets.remove(&self.id);
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl fmt::Debug for WorldSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorldSocket({})", self.peer)
    }
}
