//! Sockets, made from plain-data options. What is common to all runtimes: each of them registers
//! the std socket that it gets from here with its own reactor.

mod error;
mod system;
mod tcp;
mod udp;
#[cfg(unix)]
mod unix;

pub(crate) use system::{entropy, lookup};
pub(crate) use tcp::{reset_on_close, start_tcp, tcp_done};
pub(crate) use udp::{connect_udp, receive, source_address};
#[cfg(unix)]
pub(crate) use unix::{start_unix, unix_done};

use std::io;

use socket2::{Domain, Protocol, Socket, Type};

/// A socket that was told to connect.
pub(crate) struct Started<S> {
    pub(crate) socket: S,
    /// Whether the connection stands already; else the socket turns writable when it is decided.
    pub(crate) done: bool,
}

/// A socket that is non-blocking and closed on exec, in one system call where there is one.
fn new_socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
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
