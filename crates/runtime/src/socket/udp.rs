//! UDP sockets.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Type};

use super::create::{bind, new_socket};
use crate::{Received, UdpOptions};

/// Returns a socket that is connected to `peer`. Sends no packet.
pub(crate) fn connect_udp(peer: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
    let domain = Domain::for_address(peer);
    let socket = new_socket(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if peer.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if let Some(local) = options.bind {
        bind(&socket, local, peer)?;
    }
    socket.connect(&peer.into())?;
    Ok(socket.into())
}

/// Returns the source address that the kernel chooses for `destination`.
pub(crate) fn source_address(mut destination: SocketAddr) -> io::Result<IpAddr> {
    /// The port of the discard service (RFC 863).
    const DISCARD: u16 = 9;

    // The route does not depend on the port, but some systems reject a connect to port 0.
    if destination.port() == 0 {
        destination.set_port(DISCARD);
    }
    let socket = connect_udp(destination, &UdpOptions::default())?;
    Ok(socket.local_addr()?.ip())
}

/// Receives one datagram, or fails with [`io::ErrorKind::WouldBlock`].
#[cfg(unix)]
pub(crate) fn receive(socket: &SockRef<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recvmsg};

    let mut parts = [io::IoSliceMut::new(buffer)];
    let mut control = RecvAncillaryBuffer::default();
    let message = recvmsg(&**socket, &mut parts, &mut control, RecvFlags::empty())?;
    Ok(Received {
        len: message.bytes,
        truncated: message.flags.contains(ReturnFlags::TRUNC),
    })
}

/// Receives one datagram, or fails with [`io::ErrorKind::WouldBlock`].
#[cfg(not(unix))]
pub(crate) fn receive(socket: &SockRef<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    /// Winsock's error for a datagram that was longer than the buffer. The buffer is filled.
    const WSAEMSGSIZE: i32 = 10040;

    let mut socket: &socket2::Socket = socket;
    match io::Read::read(&mut socket, buffer) {
        Ok(len) => Ok(Received {
            len,
            truncated: false,
        }),
        Err(error) if error.raw_os_error() == Some(WSAEMSGSIZE) => Ok(Received {
            len: buffer.len(),
            truncated: true,
        }),
        // Winsock reports a closed port as a reset.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            Err(io::ErrorKind::ConnectionRefused.into())
        }
        Err(error) => Err(error),
    }
}
