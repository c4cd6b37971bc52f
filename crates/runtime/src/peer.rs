//! Addresses of peers.

use std::ffi::OsStr;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The address that a stream is connected to.
///
/// Prints as [`SocketAddr`] does, or as `unix:/path` or `unix-abstract:name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PeerAddr {
    /// An IP address and port.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(UnixAddr),
}

/// The address of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnixAddr {
    /// The socket at a path in the file system.
    Path(PathBuf),
    /// The socket with a name in Linux's abstract namespace; the name has no leading NUL.
    Abstract(Vec<u8>),
}

impl UnixAddr {
    /// Returns the address of a socket in the file system.
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        Self::Path(path.as_ref().to_owned())
    }

    /// Returns the address of an abstract socket; `name` has no leading NUL.
    pub fn from_abstract_name(name: impl AsRef<[u8]>) -> Self {
        Self::Abstract(name.as_ref().to_owned())
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for UnixAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A path may hold line breaks, which would break the message that it is printed in.
            Self::Path(path) => write!(f, "unix:{}", escaped(path.as_os_str())),
            Self::Abstract(name) => write!(f, "unix-abstract:{}", name.escape_ascii()),
        }
    }
}

/// Returns `text` with its control characters escaped, and every other character as it is.
fn escaped(text: &OsStr) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.to_string_lossy().chars() {
        if c.is_control() {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

impl From<SocketAddr> for PeerAddr {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl From<UnixAddr> for PeerAddr {
    fn from(address: UnixAddr) -> Self {
        Self::Unix(address)
    }
}
