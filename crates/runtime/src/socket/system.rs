//! Random bytes and host names from the operating system.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Fills `bytes` from the system's generator.
///
/// # Panics
///
/// When the system has no random bytes; `HashMap` panics then too. Every supported system has them.
pub(crate) fn fill_entropy(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        panic!("the operating system gives no random bytes: {error}");
    }
}

/// Looks a host name up with `getaddrinfo`. Blocks the thread.
pub(crate) fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}
