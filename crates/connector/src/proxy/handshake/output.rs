//! What the two protocols share.

use crate::proxy::error::ProxyErrorKind;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Write these bytes to the proxy.
    Write(Vec<u8>),
    /// There is a tunnel. The bytes are the first that came through it.
    Established(Vec<u8>),
    /// There is no tunnel.
    Failed(ProxyErrorKind),
}

/// Returns true for a name that can be sent to a proxy: it cannot break the request, and fits into
/// the length of a SOCKS request.
pub(crate) fn is_sendable(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\".contains(&byte);
    (1..=255).contains(&name.len()) && name.bytes().all(is_allowed)
}
