//! TCP streams and UDP sockets.

use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use trunkline::futures_io::{AsyncRead, AsyncWrite};
use trunkline::{PeerAddr, Received, Stream, TcpOptions, UdpOptions, UdpSocket};

use crate::reactor::{Direction, Reactor, Watched};

pub(crate) async fn connect_tcp(
    reactor: &Arc<Reactor>,
    peer: SocketAddr,
    options: &TcpOptions,
) -> io::Result<Box<dyn Stream>> {
    let socket = new_socket(peer, Type::STREAM, Protocol::TCP)?;
    configure(&socket, peer, options)?;
    match socket.connect(&peer.into()) {
        Err(error) if !is_in_progress(&error) => return Err(error),
        _ => {}
    }
    let watched = Watched::new(reactor, socket)?;
    // The first poll waits, even if the connection is established by then: the poller reports that at once.
    let mut waited = false;
    poll_fn(|cx| {
        if waited && is_settled(watched.socket())? {
            return Poll::Ready(Ok(()));
        }
        waited = true;
        watched.wait(Direction::Write, cx)?;
        Poll::<io::Result<()>>::Pending
    })
    .await?;
    let local = watched.socket().local_addr()?.as_socket();
    // TCP can connect a socket to itself, when the kernel chooses the destination's port as the source's.
    if local == Some(peer) {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(Box::new(TcpStream { watched, peer }))
}

/// Returns true once the connection is established, and the error of an attempt that failed.
fn is_settled(socket: &Socket) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        peer => peer.map(|_| true),
    }
}

/// Sets the options. One that this runtime does not have is an error, so that none is silently ignored.
fn configure(socket: &Socket, peer: SocketAddr, options: &TcpOptions) -> io::Result<()> {
    if options.interface.is_some() || options.mark.is_some() || options.user_timeout.is_some() {
        let text = "this runtime binds to no interface, and sets no mark and no user timeout";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(idle) = options.keepalive {
        // The kernel counts in whole seconds and rejects 0.
        let at_least_one = |time: Duration| time.max(Duration::from_secs(1));
        let mut keepalive = TcpKeepalive::new().with_time(at_least_one(idle));
        if let Some(interval) = options.keepalive_interval {
            keepalive = keepalive.with_interval(at_least_one(interval));
        }
        if let Some(probes) = options.keepalive_probes {
            keepalive = keepalive.with_retries(probes);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    let local = match peer {
        SocketAddr::V4(_) => options.bind_ipv4.map(IpAddr::V4),
        SocketAddr::V6(_) => options.bind_ipv6.map(IpAddr::V6),
    };
    local.map_or(Ok(()), |ip| socket.bind(&SocketAddr::new(ip, 0).into()))
}

fn new_socket(peer: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(peer), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if peer.is_ipv6() {
        // Else the socket would also connect to ::ffff:a.b.c.d, over IPv4.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// True when `connect` has started, and its result comes later.
fn is_in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::INPROGRESS)
    }
    #[cfg(not(unix))]
    {
        error.kind() == io::ErrorKind::WouldBlock
    }
}

#[derive(Debug)]
struct TcpStream {
    watched: Watched,
    peer: SocketAddr,
}

impl Stream for TcpStream {
    fn peer_addr(&self) -> PeerAddr {
        self.peer.into()
    }

    fn abort(self: Box<Self>) {
        // With this the close sends RST. It fails only if the connection is reset already.
        let _ = self.watched.socket().set_linger(Some(Duration::ZERO));
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = |mut socket: &Socket| socket.read(buffer);
        self.watched.poll(Direction::Read, cx, read)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = |mut socket: &Socket| socket.write(bytes);
        self.watched.poll(Direction::Write, cx, write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = |mut socket: &Socket| socket.write_vectored(parts);
        self.watched.poll(Direction::Write, cx, write)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.watched.socket().shutdown(Shutdown::Write) {
            // The peer has reset the connection, so it is closed.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }
}

pub(crate) fn connect_udp(
    reactor: &Arc<Reactor>,
    peer: SocketAddr,
    options: &UdpOptions,
) -> io::Result<Box<dyn UdpSocket>> {
    let socket = new_socket(peer, Type::DGRAM, Protocol::UDP)?;
    if let Some(local) = options.bind {
        socket.bind(&SocketAddr::new(local, 0).into())?;
    }
    socket.connect(&peer.into())?;
    let watched = Watched::new(reactor, socket)?;
    Ok(Box::new(Datagrams { watched }))
}

/// Returns the address that the kernel chooses. Connecting a UDP socket sends nothing.
pub(crate) fn source_address(mut destination: SocketAddr) -> io::Result<IpAddr> {
    if destination.port() == 0 {
        // The route does not depend on the port, but some systems reject a connect to port 0.
        destination.set_port(9);
    }
    let socket = new_socket(destination, Type::DGRAM, Protocol::UDP)?;
    socket.connect(&destination.into())?;
    let local = socket.local_addr()?.as_socket();
    local
        .map(|local| local.ip())
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

#[derive(Debug)]
struct Datagrams {
    watched: Watched,
}

impl UdpSocket for Datagrams {
    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        let send = |socket: &Socket| socket.send(datagram).map(|_| ());
        self.watched.poll(Direction::Write, cx, send)
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>> {
        let receive = |mut socket: &Socket| {
            let len = socket.read(buffer)?;
            // `read` does not report a datagram that was longer than the buffer.
            let truncated = len == buffer.len();
            Ok(Received { len, truncated })
        };
        self.watched.poll(Direction::Read, cx, receive)
    }
}
