//! A runtime in virtual time on one thread, with name servers that follow a script.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use trunkline_dns::Transport;
use trunkline_runtime::{
    BoxFuture, PeerAddr, Received, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket,
};

use crate::message::{Asked, ms};

/// The reaction of a server to one query.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends this message: a datagram, or framed over a connection.
    Send(Vec<u8>),
    /// Sends these bytes over the connection, without a length before them.
    Bytes(Vec<u8>),
    /// The host reports a closed port (UDP) or resets the connection (TCP).
    Refuse,
    /// Closes the connection.
    Close,
}

/// The reactions of a server, each with its delay after the query.
pub(crate) type Acts = Vec<(Duration, Act)>;
type Script = Box<dyn FnMut(&Asked) -> Acts + Send>;

/// The reaction of a server to a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    Yes,
    Refuse,
    Silent,
}

struct Server {
    script: Script,
    accept: Accept,
}

/// One query as a server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) asked: Asked,
    /// The time since the start of the simulation.
    pub(crate) at: Duration,
}

#[derive(Default)]
struct Wire {
    inbox: VecDeque<Result<Vec<u8>, io::ErrorKind>>,
    end: bool,
    waker: Option<Waker>,
    open: bool,
    /// The bytes that a client wrote of a message that is not complete.
    written: Vec<u8>,
}

enum Event {
    Deliver { socket: u32, act: Act },
    Connected { socket: u32 },
    Timer { waker: Waker },
}

struct World {
    start: Instant,
    now: Instant,
    order: u64,
    events: BTreeMap<(Instant, u64), Event>,
    servers: BTreeMap<SocketAddr, Server>,
    sockets: BTreeMap<u32, Wire>,
    seen: Vec<Seen>,
    writes: Vec<usize>,
    next_socket: u32,
    tasks: Vec<(BoxFuture<()>, Arc<Flag>)>,
    spawned: Vec<BoxFuture<()>>,
    entropy_calls: usize,
    entropy: u64,
    source: IpAddr,
    /// The network interfaces, by name.
    interfaces: BTreeMap<String, u32>,
}

#[derive(Clone)]
pub(crate) struct Sim(Arc<Mutex<World>>);

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sim")
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Sim {
    pub(crate) fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant will do as the start"
        )]
        let start = Instant::now();
        Self(Arc::new(Mutex::new(World {
            start,
            now: start,
            order: 0,
            events: BTreeMap::new(),
            servers: BTreeMap::new(),
            sockets: BTreeMap::new(),
            seen: Vec::new(),
            writes: Vec::new(),
            next_socket: 1,
            tasks: Vec::new(),
            spawned: Vec::new(),
            entropy_calls: 0,
            entropy: 0x9e37_79b9_7f4a_7c15,
            source: [10, 0, 0, 100].into(),
            interfaces: BTreeMap::new(),
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no panic under the lock")
    }

    /// Starts a server that follows a script, and accepts TCP connections.
    pub(crate) fn server(
        &self,
        address: &str,
        script: impl FnMut(&Asked) -> Acts + Send + 'static,
    ) -> SocketAddr {
        let address: SocketAddr = address.parse().expect("an address");
        let server = Server {
            script: Box::new(script),
            accept: Accept::Yes,
        };
        self.world().servers.insert(address, server);
        address
    }

    pub(crate) fn accept(&self, address: SocketAddr, accept: Accept) {
        let mut world = self.world();
        world.servers.get_mut(&address).expect("a server").accept = accept;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.world().seen.clone()
    }

    pub(crate) fn clear_seen(&self) {
        self.world().seen.clear();
    }

    /// Returns the sizes of all writes to connections.
    pub(crate) fn writes(&self) -> Vec<usize> {
        self.world().writes.clone()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let world = self.world();
        world.now - world.start
    }

    pub(crate) fn elapsed_instant(&self) -> Instant {
        self.world().now
    }

    /// Changes the address of the client.
    /// Adds a network interface with this name and index.
    pub(crate) fn interface(&self, name: &str, index: u32) {
        self.world().interfaces.insert(name.to_owned(), index);
    }

    pub(crate) fn set_source(&self, source: IpAddr) {
        self.world().source = source;
    }

    pub(crate) fn entropy_calls(&self) -> usize {
        self.world().entropy_calls
    }

    /// Returns the number of events that are scheduled: packets, ends, timers.
    pub(crate) fn pending(&self) -> usize {
        self.world().events.len()
    }

    pub(crate) fn open_sockets(&self) -> usize {
        self.world()
            .sockets
            .values()
            .filter(|wire| wire.open)
            .count()
    }

    /// Lets time pass, with the events that are due.
    pub(crate) fn pass(&self, time: Duration) {
        let until = self.now() + time;
        self.run_until(std::future::pending::<()>(), Some(until));
    }

    /// Runs a future to its end.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.run_until(future, None).expect("the future ends")
    }

    /// Runs a future to its end, or until `until`.
    pub(crate) fn run_until<T>(
        &self,
        future: impl Future<Output = T>,
        until: Option<Instant>,
    ) -> Option<T> {
        let mut future = pin!(future);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        for _ in 0..1_000_000 {
            let mut idle = true;
            if flag.0.swap(false, Ordering::SeqCst) {
                idle = false;
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Some(value);
                }
            }
            idle &= !self.run_tasks();
            if idle && !self.next_event(until) {
                assert!(until.is_some(), "nothing will ever happen again");
                if let Some(until) = until {
                    self.world().now = until;
                }
                return None;
            }
        }
        panic!("the simulation does not end")
    }

    fn run_tasks(&self) -> bool {
        let mut tasks = {
            let mut world = self.world();
            let spawned = std::mem::take(&mut world.spawned);
            for task in spawned {
                let flag = Arc::new(Flag(AtomicBool::new(true)));
                world.tasks.push((task, flag));
            }
            std::mem::take(&mut world.tasks)
        };
        let mut ran = false;
        tasks.retain_mut(|(task, flag)| {
            if !flag.0.swap(false, Ordering::SeqCst) {
                return true;
            }
            ran = true;
            let waker = Waker::from(flag.clone());
            task.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        });
        self.world().tasks.extend(tasks);
        ran
    }

    fn next_event(&self, until: Option<Instant>) -> bool {
        let mut world = self.world();
        let Some((&(at, _), _)) = world.events.first_key_value() else {
            return false;
        };
        if until.is_some_and(|until| at > until) {
            return false;
        }
        let (_, event) = world.events.pop_first().expect("it was there");
        world.now = world.now.max(at);
        let waker = match event {
            Event::Timer { waker } => Some(waker),
            Event::Connected { socket } => world.wake(socket),
            Event::Deliver { socket, act } => {
                let Some(wire) = world.sockets.get_mut(&socket) else {
                    return true;
                };
                match act {
                    Act::Send(bytes) | Act::Bytes(bytes) => wire.inbox.push_back(Ok(bytes)),
                    Act::Refuse => {
                        wire.inbox.push_back(Err(io::ErrorKind::ConnectionRefused));
                    }
                    Act::Close => wire.end = true,
                }
                world.wake(socket)
            }
        };
        drop(world);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }
}

impl World {
    fn wake(&mut self, socket: u32) -> Option<Waker> {
        self.sockets.get_mut(&socket)?.waker.take()
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.order += 1;
        let key = (self.now + after, self.order);
        self.events.insert(key, event);
    }

    fn open(&mut self) -> u32 {
        let socket = self.next_socket;
        self.next_socket += 1;
        let wire = Wire {
            open: true,
            ..Wire::default()
        };
        self.sockets.insert(socket, wire);
        socket
    }

    /// Hands a query to a server, and schedules its reactions.
    fn ask(&mut self, server: SocketAddr, transport: Transport, socket: u32, bytes: &[u8]) {
        let asked = Asked::read(server, transport, socket, bytes);
        let at = self.now - self.start;
        self.seen.push(Seen {
            asked: asked.clone(),
            at,
        });
        let Some(server) = self.servers.get_mut(&server) else {
            return;
        };
        for (after, act) in (server.script)(&asked) {
            let act = match (transport, act) {
                (Transport::Tcp, Act::Send(message)) => {
                    let length = u16::try_from(message.len()).expect("a short message");
                    Act::Bytes([&length.to_be_bytes(), &message[..]].concat())
                }
                (_, act) => act,
            };
            self.schedule(after, Event::Deliver { socket, act });
        }
    }
}

impl Runtime for Sim {
    fn now(&self) -> Instant {
        self.world().now
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(SimTimer {
            sim: self.clone(),
            deadline: None,
        })
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.world().spawned.push(task);
    }

    fn fill_entropy(&self, bytes: &mut [u8]) {
        let mut world = self.world();
        world.entropy_calls += 1;
        for byte in bytes {
            world.entropy ^= world.entropy << 13;
            world.entropy ^= world.entropy >> 7;
            world.entropy ^= world.entropy << 17;
            *byte = world.entropy.to_le_bytes()[3];
        }
    }

    fn connect_tcp(
        &self,
        peer: SocketAddr,
        _options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        let mut world = self.world();
        let accept = world
            .servers
            .get(&peer)
            .map_or(Accept::Silent, |server| server.accept);
        let socket = world.open();
        if accept != Accept::Silent {
            world.schedule(ms(1), Event::Connected { socket });
        }
        let due = world.now + ms(1);
        let stream = SimStream {
            sim: self.clone(),
            socket,
            peer,
        };
        drop(world);
        let sim = self.clone();
        let mut stream = Some(stream);
        Box::pin(std::future::poll_fn(move |cx| {
            let mut world = sim.world();
            if world.now < due || accept == Accept::Silent {
                let wire = world.sockets.get_mut(&socket).expect("open");
                wire.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            drop(world);
            let stream = stream.take().expect("not polled after its end");
            Poll::Ready(match accept {
                Accept::Yes => Ok(Box::new(stream) as Box<dyn Stream>),
                _ => Err(io::ErrorKind::ConnectionRefused.into()),
            })
        }))
    }

    fn connect_udp(
        &self,
        peer: SocketAddr,
        _options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        let socket = self.world().open();
        Ok(Box::new(SimUdp {
            sim: self.clone(),
            socket,
            peer,
        }))
    }

    fn source_address(&self, _destination: SocketAddr) -> io::Result<IpAddr> {
        Ok(self.world().source)
    }

    fn interface_index(&self, name: &str) -> io::Result<u32> {
        let index = self.world().interfaces.get(name).copied();
        index.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

struct SimTimer {
    sim: Sim,
    deadline: Option<Instant>,
}

impl Timer for SimTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let mut world = self.sim.world();
        if world.now >= deadline {
            return Poll::Ready(());
        }
        let after = deadline - world.now;
        let waker = cx.waker().clone();
        world.schedule(after, Event::Timer { waker });
        Poll::Pending
    }
}

#[derive(Debug)]
struct SimUdp {
    sim: Sim,
    socket: u32,
    peer: SocketAddr,
}

impl UdpSocket for SimUdp {
    fn poll_send(&mut self, _cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        let mut world = self.sim.world();
        world.ask(self.peer, Transport::Udp, self.socket, datagram);
        Poll::Ready(Ok(()))
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>> {
        let mut world = self.sim.world();
        let wire = world.sockets.get_mut(&self.socket).expect("open");
        match wire.inbox.pop_front() {
            Some(Ok(datagram)) => {
                let len = datagram.len().min(buffer.len());
                buffer[..len].copy_from_slice(&datagram[..len]);
                Poll::Ready(Ok(Received {
                    len,
                    truncated: datagram.len() > len,
                }))
            }
            Some(Err(kind)) => Poll::Ready(Err(kind.into())),
            None => {
                wire.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for SimUdp {
    fn drop(&mut self) {
        self.sim.world().sockets.remove(&self.socket);
    }
}

#[derive(Debug)]
struct SimStream {
    sim: Sim,
    socket: u32,
    peer: SocketAddr,
}

impl Stream for SimStream {
    fn peer_addr(&self) -> PeerAddr {
        self.peer.into()
    }

    fn abort(self: Box<Self>) {}
}

impl futures_io::AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut world = self.sim.world();
        let wire = world.sockets.get_mut(&self.socket).expect("open");
        match wire.inbox.pop_front() {
            Some(Ok(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buffer.len()));
                if !rest.is_empty() {
                    wire.inbox.push_front(Ok(rest));
                }
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            Some(Err(_)) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            None if wire.end => Poll::Ready(Ok(0)),
            None => {
                wire.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl futures_io::AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut world = self.sim.world();
        world.writes.push(bytes.len());
        let wire = world.sockets.get_mut(&self.socket).expect("open");
        wire.written.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while wire.written.len() >= 2 {
            let length = usize::from(u16::from_be_bytes([wire.written[0], wire.written[1]]));
            if wire.written.len() < 2 + length {
                break;
            }
            messages.push(wire.written[2..2 + length].to_vec());
            wire.written.drain(..2 + length);
        }
        for message in messages {
            world.ask(self.peer, Transport::Tcp, self.socket, &message);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.sim.world().sockets.remove(&self.socket);
    }
}
