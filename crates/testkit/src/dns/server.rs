//! The server itself.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use trunkline_sim::dns::{Query, Transport, Type, normalized};

use super::log::Log;
use super::reply::Reply;
use super::schedule::{Job, Schedule};
use super::script::{Response, Script};

/// A DNS server on one loopback address, UDP and TCP on the same port.
///
/// It answers what its script says, which can be changed at any time, and counts what it is asked.
/// Names that it does not know do not exist. Dropping it closes its sockets.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    log: Log,
    schedule: Schedule,
    /// Open connections, to be shut down at the end.
    connections: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

impl DnsServer {
    /// A server on 127.0.0.1 and some port.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub fn start() -> io::Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST.into())
    }

    /// A server on this address and some port.
    ///
    /// # Errors
    ///
    /// When the address or a port cannot be had.
    pub fn start_on(address: IpAddr) -> io::Result<Self> {
        let (udp, tcp) = bind_both(address)?;
        let address = udp.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::default(),
            log: Log::default(),
            schedule: Schedule::start(),
            connections: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let threads = vec![
            thread::spawn({
                let shared = Arc::clone(&shared);
                move || serve_udp(&shared, udp)
            }),
            thread::spawn({
                let shared = Arc::clone(&shared);
                move || serve_tcp(&shared, &tcp)
            }),
        ];
        Ok(Self {
            address,
            shared,
            threads,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers this question with this reply, on both transports.
    pub fn set(&self, name: &str, record_type: Type, reply: Reply) {
        self.set_each(name, record_type, [reply]);
    }

    /// Answers this question with one reply after the other; the last one stays.
    pub fn set_each(
        &self,
        name: &str,
        record_type: Type,
        replies: impl IntoIterator<Item = Reply>,
    ) {
        lock(&self.shared.script).set(name, record_type, None, replies);
    }

    /// Answers this question with this reply, on this transport only.
    pub fn set_on(&self, transport: Transport, name: &str, record_type: Type, reply: Reply) {
        lock(&self.shared.script).set(name, record_type, Some(transport), [reply]);
    }

    /// Answers questions about unknown names with this reply.
    pub fn set_default(&self, reply: Reply) {
        lock(&self.shared.script).set_default(reply);
    }

    /// Forgets a name, which then does not exist.
    pub fn remove(&self, name: &str) {
        lock(&self.shared.script).remove(name);
    }

    /// Sends the replies that are held for this question; says how many.
    pub fn release(&self, name: &str, record_type: Type) -> usize {
        self.shared.schedule.release(name, record_type)
    }

    /// All queries so far, in the order of their arrival.
    #[must_use]
    pub fn queries(&self) -> Vec<Query> {
        self.shared.log.queries()
    }

    /// How many queries of this name, type and transport have come.
    #[must_use]
    pub fn count(&self, name: &str, record_type: Type, transport: Transport) -> usize {
        self.shared
            .log
            .count(|query| same_question(query, name, record_type) && query.transport == transport)
    }

    /// How many queries have come at all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.shared.log.count(|_| true)
    }

    /// Waits until `count` queries of this name and type have come by either transport; false if
    /// `timeout` ran out before.
    #[must_use]
    pub fn wait_for(&self, count: usize, name: &str, record_type: Type, timeout: Duration) -> bool {
        self.shared.log.wait(count, timeout, |query| {
            same_question(query, name, record_type)
        })
    }

    /// Forgets the queries so far.
    pub fn forget_queries(&self) {
        self.shared.log.clear();
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Both threads wait in a system call: give each something to find the flag by.
        if let Ok(socket) = UdpSocket::bind(SocketAddr::new(self.address.ip(), 0)) {
            let _ = socket.send_to(&[], self.address);
        }
        let _ = TcpStream::connect(self.address);
        for connection in lock(&self.shared.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A port that is free for both transports.
fn bind_both(address: IpAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries_left = 32;
    loop {
        let udp = UdpSocket::bind(SocketAddr::new(address, 0))?;
        match TcpListener::bind(udp.local_addr()?) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries_left > 0 => {
                tries_left -= 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn serve_udp(shared: &Shared, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut buffer = vec![0; 65_535];
    loop {
        let received = socket.recv_from(&mut buffer);
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        // An error is what an earlier reply caused (port unreachable): no reason to end.
        let Ok((len, from)) = received else { continue };
        let message = &buffer[..len];
        let response = lock(&shared.script).respond(message, Transport::Udp, from);
        let Some(response) = response else { continue };
        let socket = Arc::clone(&socket);
        shared.answer(response, move |messages| {
            for message in messages {
                let _ = socket.send_to(&message, from);
            }
        });
    }
}

fn serve_tcp(shared: &Arc<Shared>, listener: &TcpListener) {
    for connection in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(connection) = connection else { continue };
        if let Ok(copy) = connection.try_clone() {
            lock(&shared.connections).push(copy);
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let _ = serve_connection(&shared, connection);
        });
    }
}

fn serve_connection(shared: &Shared, mut connection: TcpStream) -> io::Result<()> {
    // A reply that waits for an ACK of the one before waits for 40 ms.
    connection.set_nodelay(true)?;
    let from = connection.peer_addr()?;
    let writer = Arc::new(Mutex::new(connection.try_clone()?));
    loop {
        let mut len = [0; 2];
        connection.read_exact(&mut len)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
        connection.read_exact(&mut message)?;
        let response = lock(&shared.script).respond(&message, Transport::Tcp, from);
        let Some(response) = response else {
            return Ok(());
        };
        let writer = Arc::clone(&writer);
        shared.answer(response, move |messages| {
            for message in messages {
                let mut framed = (message.len() as u16).to_be_bytes().to_vec();
                framed.extend(message);
                let _ = lock(&writer).write_all(&framed);
            }
        });
    }
}

impl Shared {
    /// Answers now, later, or when it is told to.
    fn answer(&self, response: Response, send: impl FnOnce(Vec<Vec<u8>>) + Send + 'static) {
        let Response {
            query,
            reply,
            messages,
        } = response;
        let (name, record_type) = (query.name.clone(), query.record_type);
        let send: Job = Box::new(move || send(messages));
        // A reply is held before its query is counted, so that who waits for the query can
        // release it.
        match (reply.held, reply.delay) {
            (true, _) => {
                self.schedule.hold(&name, record_type, send);
                self.log.push(query);
            }
            (false, Duration::ZERO) => {
                self.log.push(query);
                send();
            }
            (false, delay) => {
                self.log.push(query);
                self.schedule.after(delay, send);
            }
        }
    }
}

fn same_question(query: &Query, name: &str, record_type: Type) -> bool {
    query.record_type == record_type && normalized(&query.name) == normalized(name)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
