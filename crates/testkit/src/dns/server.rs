//! The server on real sockets.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use trunkline_runtime::Lock;
use trunkline_sim::dns::{Query, Transport, Type, normalized};

use super::log::QueryLog;
use super::reply::Reply;
use super::schedule::{Job, Schedule};
use super::script::{Response, Script};

/// A DNS server on one loopback address, UDP and TCP on the same port.
///
/// It answers by its script, which a test can change at any time, and logs the queries. The answer
/// for unknown names is NXDOMAIN. Dropping it closes its sockets.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    state: Arc<ServerState>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
/// What the handle and the threads of a server share.
struct ServerState {
    script: Lock<Script>,
    log: QueryLog,
    schedule: Schedule,
    /// The connections that were accepted, which the drop shuts down.
    connections: Lock<Vec<TcpStream>>,
    stopped: AtomicBool,
}

impl DnsServer {
    /// Starts a server on 127.0.0.1 and a free port.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub fn start() -> io::Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST.into())
    }

    /// Starts a server on this address and a free port.
    ///
    /// # Errors
    ///
    /// When the address or a port cannot be bound.
    pub fn start_on(address: IpAddr) -> io::Result<Self> {
        let (udp, tcp) = bind_both(address)?;
        let address = udp.local_addr()?;
        let state = Arc::new(ServerState {
            script: Lock::default(),
            log: QueryLog::default(),
            schedule: Schedule::start(),
            connections: Lock::default(),
            stopped: AtomicBool::new(false),
        });
        let threads = vec![
            thread::spawn({
                let state = Arc::clone(&state);
                move || serve_udp(&state, udp)
            }),
            thread::spawn({
                let state = Arc::clone(&state);
                move || serve_tcp(&state, &tcp)
            }),
        ];
        Ok(Self {
            address,
            state,
            threads,
        })
    }

    /// Returns the address at which the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the reply to this question on both transports.
    pub fn set(&self, name: &str, record_type: Type, reply: Reply) {
        self.set_each(name, record_type, [reply]);
    }

    /// Sets the replies to this question. Each query gets the next reply. Queries after the last
    /// reply get that reply again.
    pub fn set_each(
        &self,
        name: &str,
        record_type: Type,
        replies: impl IntoIterator<Item = Reply>,
    ) {
        self.state
            .script
            .lock()
            .set(name, record_type, None, replies);
    }

    /// Sets the reply to this question on this transport only.
    pub fn set_on(&self, transport: Transport, name: &str, record_type: Type, reply: Reply) {
        self.state
            .script
            .lock()
            .set(name, record_type, Some(transport), [reply]);
    }

    /// Sets the reply for unknown names; NXDOMAIN by default.
    pub fn set_default(&self, reply: Reply) {
        self.state.script.lock().set_default(reply);
    }

    /// Removes all replies for a name, which is then unknown.
    pub fn remove(&self, name: &str) {
        self.state.script.lock().remove(name);
    }

    /// Sends the replies that are held for this question; returns how many.
    pub fn release(&self, name: &str, record_type: Type) -> usize {
        self.state.schedule.release(name, record_type)
    }

    /// Returns all queries so far, in the order of their arrival.
    #[must_use]
    pub fn queries(&self) -> Vec<Query> {
        self.state.log.queries()
    }

    /// Returns how many queries of this name, type and transport have arrived.
    #[must_use]
    pub fn count(&self, name: &str, record_type: Type, transport: Transport) -> usize {
        self.state
            .log
            .count(|query| same_question(query, name, record_type) && query.transport == transport)
    }

    /// Returns how many queries have arrived.
    #[must_use]
    pub fn total(&self) -> usize {
        self.state.log.count(|_| true)
    }

    /// Waits until `count` queries of this name and type have arrived over either transport;
    /// returns false if fewer arrived within `timeout`.
    #[must_use]
    pub fn wait_for(&self, count: usize, name: &str, record_type: Type, timeout: Duration) -> bool {
        self.state.log.wait(count, timeout, |query| {
            same_question(query, name, record_type)
        })
    }

    /// Clears the log of queries.
    pub fn forget_queries(&self) {
        self.state.log.clear();
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // Both threads block in a system call. A datagram and a connection wake them, so that they
        // see that the server is stopped.
        if let Ok(socket) = UdpSocket::bind(SocketAddr::new(self.address.ip(), 0)) {
            let _ = socket.send_to(&[], self.address);
        }
        let _ = TcpStream::connect(self.address);
        for connection in self.state.connections.lock().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Binds a port that is free for both transports.
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

fn serve_udp(state: &ServerState, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut buffer = vec![0; 65_535];
    loop {
        let received = socket.recv_from(&mut buffer);
        if state.stopped.load(Ordering::SeqCst) {
            return;
        }
        // An earlier reply may have caused the error (port unreachable): the socket stays usable.
        let Ok((len, from)) = received else { continue };
        let message = &buffer[..len];
        let response = state.script.lock().respond(message, Transport::Udp, from);
        let Some(response) = response else { continue };
        let socket = Arc::clone(&socket);
        state.answer(response, move |messages| {
            for message in messages {
                let _ = socket.send_to(&message, from);
            }
        });
    }
}

fn serve_tcp(state: &Arc<ServerState>, listener: &TcpListener) {
    for connection in listener.incoming() {
        if state.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(connection) = connection else { continue };
        if let Ok(copy) = connection.try_clone() {
            state.connections.lock().push(copy);
        }
        let state = Arc::clone(state);
        thread::spawn(move || {
            let _ = serve_connection(&state, connection);
        });
    }
}

fn serve_connection(state: &ServerState, mut connection: TcpStream) -> io::Result<()> {
    // Otherwise a reply waits up to 40 ms for the ACK of the previous one.
    connection.set_nodelay(true)?;
    let from = connection.peer_addr()?;
    let writer = Arc::new(Lock::new(connection.try_clone()?));
    loop {
        let mut len = [0; 2];
        connection.read_exact(&mut len)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
        connection.read_exact(&mut message)?;
        let response = state.script.lock().respond(&message, Transport::Tcp, from);
        let Some(response) = response else {
            return Ok(());
        };
        let writer = Arc::clone(&writer);
        state.answer(response, move |messages| {
            for message in messages {
                let mut framed = (message.len() as u16).to_be_bytes().to_vec();
                framed.extend(message);
                let _ = writer.lock().write_all(&framed);
            }
        });
    }
}

impl ServerState {
    /// Sends the response at once, after its delay, or on release.
    fn answer(&self, response: Response, send: impl FnOnce(Vec<Vec<u8>>) + Send + 'static) {
        let Response {
            query,
            reply,
            messages,
        } = response;
        let (name, record_type) = (query.name.clone(), query.record_type);
        let send: Job = Box::new(move || send(messages));
        // The reply is held before its query is logged, so that a test that waits for the query can
        // release the reply.
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
