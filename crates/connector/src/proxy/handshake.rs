//! The protocols for the request of a tunnel from a proxy, without I/O.

mod excerpt;
mod output;

mod http_connect;
mod socks5;

use self::http_connect::HttpConnect;
pub(crate) use self::output::Output;
use self::socks5::Socks5;
use super::destination::Destination;
use super::server::{ProxyProtocol, ProxyServer};

/// Asks a proxy for a tunnel, without doing any I/O.
///
/// Tell it what arrived with [`handle_input`](Self::handle_input) and
/// [`handle_end`](Self::handle_end). Call [`poll_output`](Self::poll_output) first, and after each of
/// them until it returns `None`, which means that it waits for input. The output `Established` or
/// `Failed` is the last one. It keeps a bounded number of bytes.
#[derive(Debug)]
pub(crate) enum Handshake {
    HttpConnect(HttpConnect),
    Socks5(Socks5),
}

impl Handshake {
    pub(crate) fn new(server: &ProxyServer, destination: &Destination) -> Self {
        match server.protocol() {
            ProxyProtocol::HttpConnect => Self::HttpConnect(HttpConnect::new(server, destination)),
            ProxyProtocol::Socks5 => Self::Socks5(Socks5::new(server, destination)),
        }
    }

    /// Handles bytes from the proxy, in pieces of any length.
    pub(crate) fn handle_input(&mut self, bytes: &[u8]) {
        match self {
            Self::HttpConnect(connect) => connect.handle_input(bytes),
            Self::Socks5(socks) => socks.handle_input(bytes),
        }
    }

    /// Handles the end of the proxy's bytes, or of the time to wait for more of a refusal.
    pub(crate) fn handle_end(&mut self) {
        match self {
            Self::HttpConnect(connect) => connect.handle_end(),
            Self::Socks5(socks) => socks.handle_end(),
        }
    }

    /// Returns what to do next; `None` to wait for input.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::HttpConnect(connect) => connect.poll_output(),
            Self::Socks5(socks) => socks.poll_output(),
        }
    }

    /// Returns true when the proxy has refused, and only the text of its reason is awaited.
    pub(crate) fn is_refused(&self) -> bool {
        match self {
            Self::HttpConnect(connect) => connect.is_refused(),
            Self::Socks5(_) => false,
        }
    }
}
