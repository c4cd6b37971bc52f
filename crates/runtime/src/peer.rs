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
    /// A path in the file system.
    Path(PathBuf),
    /// A name in Linux's abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
}

impl UnixAddr {
    /// The address of a socket in the file system.
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        Self::Path(path.as_ref().to_owned())
    }

    /// The address of an abstract socket; `name` without the leading NUL.
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
            // Escaped, because a path may hold line breaks and is printed in messages.
            Self::Path(path) => write!(f, "unix:{}", escaped(path.as_os_str())),
            Self::Abstract(name) => write!(f, "unix-abstract:{}", name.escape_ascii()),
        }
    }
}

fn escaped(text: &OsStr) -> String {
    text.to_string_lossy()
        .chars()
        .flat_map(|c| {
            let (control, plain) = match c.is_control() {
                true => (Some(c.escape_default()), None),
                false => (None, Some(c)),
            };
            control.into_iter().flatten().chain(plain)
        })
        .collect()
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
