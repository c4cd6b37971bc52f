//! Addresses.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Attributes;

/// One place to connect to, and what must be known to do so.
///
/// There are three equalities, each narrower than the one before:
/// [`same_location`](Self::same_location), [`same_connection`](Self::same_connection) and
/// [`same_in_full`](Self::same_in_full), which is `==`.
#[derive(Clone, PartialEq)]
pub struct Address {
    known: Known,
}

/// Most addresses are a place and nothing else: these are kept small.
#[derive(Clone, PartialEq)]
enum Known {
    /// No server name and no attributes.
    Place(Location),
    /// At least one of them.
    More(Arc<More>),
}

#[derive(Clone, PartialEq)]
struct More {
    location: Location,
    server_name: Option<Arc<str>>,
    attributes: Attributes,
}

/// Where an [`Address`] is.
///
/// Prints as [`SocketAddr`] does, or as `unix:/path`, `unix-abstract:name`, `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Location {
    /// An IP address and port.
    Socket(SocketAddr),
    /// A Unix socket in the file system.
    Unix(Arc<Path>),
    /// A Unix socket in Linux's abstract namespace; without the leading NUL.
    UnixAbstract(Arc<[u8]>),
    /// A host that is looked up when it is dialled.
    Name {
        /// The host's name, or an IP literal without brackets.
        host: Arc<str>,
        /// The port.
        port: u16,
    },
}

impl Address {
    /// An address without a server name and attributes.
    pub fn new(location: impl Into<Location>) -> Self {
        Self {
            known: Known::Place(location.into()),
        }
    }

    /// With the name that this address is to be asked for and must prove, in place of the
    /// channel's authority.
    #[must_use]
    pub fn with_server_name(self, server_name: impl Into<Arc<str>>) -> Self {
        self.with(|more| more.server_name = Some(server_name.into()))
    }

    /// With these attributes in place of the earlier ones.
    #[must_use]
    pub fn with_attributes(self, attributes: Attributes) -> Self {
        self.with(|more| more.attributes = attributes)
    }

    fn with(self, change: impl FnOnce(&mut More)) -> Self {
        let mut more = match self.known {
            Known::Place(location) => More {
                location,
                server_name: None,
                attributes: Attributes::new(),
            },
            Known::More(more) => Arc::unwrap_or_clone(more),
        };
        change(&mut more);
        let known = if more.server_name.is_none() && more.attributes.is_empty() {
            Known::Place(more.location)
        } else {
            Known::More(Arc::new(more))
        };
        Self { known }
    }

    fn more(&self) -> Option<&More> {
        match &self.known {
            Known::Place(_) => None,
            Known::More(more) => Some(more),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        match &self.known {
            Known::Place(location) => location,
            Known::More(more) => &more.location,
        }
    }

    /// The IP address and port, if it is one.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self.location() {
            Location::Socket(address) => Some(*address),
            _ => None,
        }
    }

    /// The name that this address is to be asked for, where it has its own.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.more()?.server_name.as_deref()
    }

    /// The attributes.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        const NONE: &Attributes = &Attributes::new();
        self.more().map_or(NONE, |more| &more.attributes)
    }

    /// Whether it is the same place, whatever is known of it beyond that: what tells
    /// [endpoints](crate::Endpoint::same_addresses) apart.
    #[must_use]
    pub fn same_location(&self, other: &Self) -> bool {
        self.location() == other.location()
    }

    /// Whether everything is the same, which is `==` by name.
    #[must_use]
    pub fn same_in_full(&self, other: &Self) -> bool {
        self == other
    }

    /// Whether a connection to this address may be used for `other`: the same place, server name,
    /// and attributes that are part of a connection's identity. It tells subchannels apart, and the
    /// keys of an [`AddressMap`](crate::AddressMap).
    #[must_use]
    pub fn same_connection(&self, other: &Self) -> bool {
        self.location() == other.location()
            && self.server_name() == other.server_name()
            && self.attributes().same_connection(other.attributes())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("location", self.location())
            .field("server_name", &self.server_name())
            .field("attributes", self.attributes())
            .finish()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.location().fmt(f)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::UnixAbstract(name) => write!(f, "unix-abstract:{}", name.escape_ascii()),
            Self::Name { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl From<SocketAddr> for Location {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::Unix(path.into())
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path.into())
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::new(address)
    }
}

impl From<Location> for Address {
    fn from(location: Location) -> Self {
        Self::new(location)
    }
}
