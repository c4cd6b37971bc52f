//! Ports that refuse. They are held, so that no other socket of the machine gets them while a test runs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Socket, Type};

/// A TCP port of 127.0.0.1 that refuses connections: a socket has the port, and does not listen.
#[derive(Debug)]
pub struct ClosedTcp {
    socket: Socket,
    address: SocketAddr,
}

impl ClosedTcp {
    /// Takes a port.
    ///
    /// # Errors
    ///
    /// When no socket can be made.
    pub fn new() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = socket.local_addr()?.as_socket();
        let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { socket, address })
    }

    /// Returns the address that refuses.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens at the port from now on.
    ///
    /// # Errors
    ///
    /// When the system refuses to.
    pub fn listen(self) -> io::Result<TcpListener> {
        self.socket.listen(128)?;
        Ok(self.socket.into())
    }
}

/// A UDP port of 127.0.0.1 whose senders get an ICMP error (port unreachable): its socket is connected to
/// a peer that sends nothing, and the datagrams of others are not for it.
#[derive(Debug)]
pub struct ClosedUdp {
    address: SocketAddr,
    _sockets: [UdpSocket; 2],
}

impl ClosedUdp {
    /// Takes a port.
    ///
    /// # Errors
    ///
    /// When no socket can be made.
    pub fn new() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(peer.local_addr()?)?;
        Ok(Self {
            address: socket.local_addr()?,
            _sockets: [socket, peer],
        })
    }

    /// Returns the address that refuses.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
