//! TCP sockets.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::create::{Started, bind, new_socket};
use super::error::in_progress;
#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
use super::error::unsupported;
use crate::TcpOptions;

/// Makes a socket and starts to connect it to `peer`.
///
/// It never uses TCP Fast Open, with which a connection looks open before the peer has answered.
pub(crate) fn start_tcp(peer: SocketAddr, options: &TcpOptions) -> io::Result<Started<TcpStream>> {
    let domain = Domain::for_address(peer);
    let socket = new_socket(domain, Type::STREAM, Some(Protocol::TCP))?;
    configure(&socket, peer, options)?;
    let is_connected = match socket.connect(&peer.into()) {
        Ok(()) => true,
        Err(error) if in_progress(&error) => false,
        Err(error) => return Err(error),
    };
    let socket = socket.into();
    Ok(Started {
        socket,
        is_connected,
    })
}

/// Completes an attempt whose socket has become writable: returns its error, or sets the options
/// that must wait for the connection, and returns the address of this side if it is known.
pub(crate) fn finish_tcp(
    socket: &SockRef<'_>,
    peer: SocketAddr,
    options: &TcpOptions,
) -> io::Result<Option<SocketAddr>> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    // The kernel may choose the very port that we connect to as our source port, when no server
    // listens on it. TCP then connects the socket to itself, and a dead server looks alive.
    let local = socket.local_addr().ok().and_then(|addr| addr.as_socket());
    if peer.ip().is_loopback() && local == Some(peer) {
        let _ = reset_on_close(socket);
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    // Set only now, because it would limit the time to connect too.
    if let Some(timeout) = options.user_timeout {
        set_user_timeout(socket, timeout)?;
    }
    Ok(local)
}

/// Makes the socket send RST when it is closed, and leave no TIME_WAIT.
pub(crate) fn reset_on_close(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_linger(Some(Duration::ZERO))
}

fn configure(socket: &Socket, peer: SocketAddr, options: &TcpOptions) -> io::Result<()> {
    // Without this option an IPv6 socket also connects to ::ffff:a.b.c.d, over IPv4.
    if peer.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if options.nodelay {
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(idle) = options.keepalive {
        let mut keepalive = TcpKeepalive::new().with_time(whole_second(idle));
        if let Some(interval) = options.keepalive_interval {
            keepalive = keepalive.with_interval(whole_second(interval));
        }
        if let Some(probes) = options.keepalive_probes {
            keepalive = keepalive.with_retries(probes.clamp(1, MOST_PROBES));
        }
        socket.set_tcp_keepalive(&keepalive)?;
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

/// The longest time of the TCP keep-alive that Linux takes (`MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`).
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(32_767);

/// The most probes of the TCP keep-alive that Linux takes (`MAX_TCP_KEEPCNT`).
const MOST_PROBES: u32 = 127;

/// Returns the nearest time of the TCP keep-alive that the kernel takes. It counts in whole seconds and
/// rejects 0.
fn whole_second(time: Duration) -> Duration {
    time.clamp(Duration::from_secs(1), LONGEST_KEEPALIVE)
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
    // The kernel counts in milliseconds, in an `int`. For 0 it has its own time-out.
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);
    socket.set_tcp_user_timeout(Some(timeout.clamp(SHORTEST, LONGEST)))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Err(unsupported("a user timeout (TCP_USER_TIMEOUT)"))
}
