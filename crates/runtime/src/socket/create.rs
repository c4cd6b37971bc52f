//! New sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// A socket that has started to connect.
pub(crate) struct Started<S> {
    pub(crate) socket: S,
    /// True when the connection is established already. Else the socket becomes writable when the
    /// attempt has succeeded or failed.
    pub(crate) is_connected: bool,
}

/// Returns a socket that is non-blocking and closed on exec, made by one system call where the
/// system has one for that.
pub(super) fn new_socket(
    domain: Domain,
    kind: Type,
    protocol: Option<Protocol>,
) -> io::Result<Socket> {
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    {
        Socket::new(domain, kind.nonblocking().cloexec(), protocol)
    }
    #[cfg(not(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd"
    )))]
    {
        let socket = Socket::new(domain, kind, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// Binds the socket to an address, at a port that the kernel chooses.
pub(super) fn bind(socket: &Socket, local: IpAddr, peer: SocketAddr) -> io::Result<()> {
    if local.is_ipv4() != peer.is_ipv4() {
        let text = format!(
            "cannot bind {local} to connect to {peer}: they are not of the same address family"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    socket.bind(&SocketAddr::new(local, 0).into())
}
