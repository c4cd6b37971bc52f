//! What else the operating system gives.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Fills `bytes` from the system's generator.
///
/// # Panics
///
/// When the system has none to give, as `HashMap` does; no supported system is without.
pub(crate) fn entropy(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        panic!("the operating system gives no random octets: {error}");
    }
}

/// `getaddrinfo`; blocks.
pub(crate) fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}
