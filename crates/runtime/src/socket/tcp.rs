//! TCP.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::error::in_progress;
#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
use super::error::unsupported;
use super::{Started, new_socket};
use crate::TcpOptions;

/// Makes a socket and starts to connect it to `peer`.
///
/// Never with TCP Fast Open: it makes a connection look open before the peer has said a word.
pub(crate) fn start_tcp(peer: SocketAddr, options: &TcpOptions) -> io::Result<Started<TcpStream>> {
    let domain = Domain::for_address(peer);
    let socket = new_socket(domain, Type::STREAM, Some(Protocol::TCP))?;
    configure(&socket, peer, options)?;
    let done = match socket.connect(&peer.into()) {
        Ok(()) => true,
        Err(error) if in_progress(&error) => false,
        Err(error) => return Err(error),
    };
    let socket = socket.into();
    Ok(Started { socket, done })
}

/// Asks how the attempt ended, once the socket is writable; `Ok` if the connection stands.
pub(crate) fn tcp_done(
    socket: &SockRef<'_>,
    peer: SocketAddr,
    options: &TcpOptions,
) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    // A port that nobody listens to can be the very one that the kernel chose as our source: TCP
    // then connects the socket to itself, and a dead server looks alive.
    if peer.ip().is_loopback() && socket.local_addr()?.as_socket() == Some(peer) {
        let _ = reset_on_close(socket);
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    // Only now: set earlier, it would bound the connecting as well.
    match options.user_timeout {
        Some(timeout) => set_user_timeout(socket, timeout),
        None => Ok(()),
    }
}

/// Makes the coming close send RST and leave no TIME_WAIT.
pub(crate) fn reset_on_close(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_linger(Some(Duration::ZERO))
}

fn configure(socket: &Socket, peer: SocketAddr, options: &TcpOptions) -> io::Result<()> {
    // Without it a socket for IPv6 also reaches ::ffff:a.b.c.d, over IPv4.
    if peer.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if options.nodelay {
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(idle) = options.keepalive {
        // The kernel counts in whole seconds and refuses 0.
        let idle = idle.max(Duration::from_secs(1));
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
    }
    if let Some(interface) = &options.interface {
        bind_interface(socket, interface)?;
    }
    if let Some(mark) = options.mark {
        set_mark(socket, mark)?;
    }
    let local = match peer {
        SocketAddr::V4(_) => options.bind_ipv4.map(IpAddr::V4),
        SocketAddr::V6(_) => options.bind_ipv6.map(IpAddr::V6),
    };
    match local {
        Some(local) => bind(socket, local, peer),
        None => Ok(()),
    }
}

/// Binds an address and leaves the port to the kernel.
pub(super) fn bind(socket: &Socket, local: IpAddr, peer: SocketAddr) -> io::Result<()> {
    if local.is_ipv4() != peer.is_ipv4() {
        let text = format!(
            "cannot bind {local} to connect to {peer}: they are not of the same address family"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    socket.bind(&SocketAddr::new(local, 0).into())
}

#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn bind_interface(socket: &Socket, interface: &str) -> io::Result<()> {
    socket.bind_device(Some(interface.as_bytes()))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn bind_interface(_: &Socket, _: &str) -> io::Result<()> {
    Err(unsupported("binding to an interface (SO_BINDTODEVICE)"))
}

#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn set_mark(socket: &Socket, mark: u32) -> io::Result<()> {
    socket.set_mark(mark)
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn set_mark(_: &Socket, _: u32) -> io::Result<()> {
    Err(unsupported("a firewall mark (SO_MARK)"))
}

#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn set_user_timeout(socket: &SockRef<'_>, timeout: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(timeout))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Err(unsupported("a user timeout (TCP_USER_TIMEOUT)"))
}
