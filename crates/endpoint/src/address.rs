//! Addresses: a location to connect to, with a server name and attributes.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::Attributes;

/// A location to connect to, and the server name and attributes to use there.
///
/// There are three equalities, each narrower than the one before:
/// [`same_location`](Self::same_location), [`same_connection`](Self::same_connection) and
/// [`same_in_full`](Self::same_in_full), which is `==`.
#[derive(Clone, PartialEq)]
pub struct Address {
    parts: AddressParts,
}

/// What an address holds. Most addresses have a location only, and are kept small.
#[derive(Clone, PartialEq)]
enum AddressParts {
    /// There is no server name, and there are no attributes.
    Location(Location),
    /// There is a server name, or at least one attribute.
    More(Arc<More>),
}

#[derive(Clone, PartialEq)]
struct More {
    location: Location,
    server_name: Option<Arc<str>>,
    attributes: Attributes,
}

/// The location of an [`Address`].
///
/// Prints as [`SocketAddr`] does, or as `unix:/path`, `unix-abstract:name`, `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Location {
    /// An IP address and port.
    Socket(SocketAddr),
    /// A Unix socket in the file system.
    Unix(Arc<Path>),
    /// A Unix socket in Linux's abstract namespace; the name has no leading NUL.
    UnixAbstract(Arc<[u8]>),
    /// A host whose name is looked up when a connection is made.
    Name {
        /// The host's name, or an IP literal without brackets.
        host: Arc<str>,
        /// The port.
        port: u16,
    },
}

impl Address {
    /// Returns an address without a server name or attributes.
    ///
    /// An IPv4-mapped IPv6 address (`[::ffff:192.0.2.1]:443`) becomes the IPv4 address that it
    /// contains, so that one backend is not taken for two, and is reached over IPv4.
    ///
    /// Source: [RFC 4291 section
    /// 2.5.5.2](https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2).
    pub fn new(location: impl Into<Location>) -> Self {
        let location = match location.into() {
            Location::Socket(address) => Location::Socket(unmapped(address)),
            other => other,
        };
        Self {
            parts: AddressParts::Location(location),
        }
    }

    /// Sets the server name, in place of the channel's authority: the name that requests to this
    /// address are for, and that its server must prove.
    #[must_use]
    pub fn with_server_name(self, server_name: impl Into<Arc<str>>) -> Self {
        self.with(|more| more.server_name = Some(server_name.into()))
    }

    /// Sets the attributes, in place of the earlier ones.
    #[must_use]
    pub fn with_attributes(self, attributes: Attributes) -> Self {
        self.with(|more| more.attributes = attributes)
    }

    fn with(self, change: impl FnOnce(&mut More)) -> Self {
        let mut more = match self.parts {
            AddressParts::Location(location) => More {
                location,
                server_name: None,
                attributes: Attributes::new(),
            },
            AddressParts::More(more) => Arc::unwrap_or_clone(more),
        };
        change(&mut more);
        let parts = if more.server_name.is_none() && more.attributes.is_empty() {
            AddressParts::Location(more.location)
        } else {
            AddressParts::More(Arc::new(more))
        };
        Self { parts }
    }

    fn more(&self) -> Option<&More> {
        match &self.parts {
            AddressParts::Location(_) => None,
            AddressParts::More(more) => Some(more),
        }
    }

    /// Returns the location.
    #[must_use]
    pub fn location(&self) -> &Location {
        match &self.parts {
            AddressParts::Location(location) => location,
            AddressParts::More(more) => &more.location,
        }
    }

    /// Returns the IP address and port, if the location is one.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self.location() {
            Location::Socket(address) => Some(*address),
            _ => None,
        }
    }

    /// Returns the server name, if this address has its own.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.more()?.server_name.as_deref()
    }

    /// Returns the attributes.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        const NONE: &Attributes = &Attributes::new();
        self.more().map_or(NONE, |more| &more.attributes)
    }

    /// True when both have the same location, whatever their server names and attributes. Two
    /// [endpoints](crate::Endpoint::same_addresses) are compared by this.
    #[must_use]
    pub fn same_location(&self, other: &Self) -> bool {
        self.location() == other.location()
    }

    /// True when everything is the same, like `==`.
    #[must_use]
    pub fn same_in_full(&self, other: &Self) -> bool {
        self == other
    }

    /// True when a connection to this address may be used for `other`: both have the same location,
    /// server name, and attributes that are part of a connection's identity. Subchannels, and the
    /// keys of an [`AddressMap`](crate::AddressMap), are compared by this.
    #[must_use]
    pub fn same_connection(&self, other: &Self) -> bool {
        self.location() == other.location()
            && self.server_name() == other.server_name()
            && self.attributes().same_connection(other.attributes())
    }
}

/// Returns an IPv4-mapped IPv6 address as IPv4, and any other address unchanged.
fn unmapped(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
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

/// Parses what `Display` prints, so that an address in a log or in a snapshot can be looked up.
///
/// Two kinds do not print as they are, and are others afterwards: a path that is not UTF-8, and a host
/// that is an IP literal, which becomes a [`Socket`](Self::Socket).
impl FromStr for Location {
    type Err = ParseLocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Socket(address));
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(Path::new(path).into()));
        }
        if let Some(name) = text.strip_prefix("unix-abstract:") {
            let name = unescape(name).ok_or(ParseLocationError(()))?;
            return Ok(Self::UnixAbstract(name.into()));
        }
        let parts = text.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = parts.ok_or(ParseLocationError(()))?;
        let literal = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = literal.unwrap_or(host).into();
        Ok(Self::Name { host, port })
    }
}

/// Undoes `escape_ascii`; `None` for what that does not print.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b't' => b'\t',
                b'r' => b'\r',
                b'n' => b'\n',
                b'x' => {
                    let digit = |byte: u8| char::from(byte).to_digit(16);
                    let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                    u8::try_from(high * 16 + low).ok()?
                }
                quoted @ (b'\\' | b'\'' | b'"') => quoted,
                _ => return None,
            },
            b' '..=b'~' => byte,
            _ => return None,
        });
    }
    Some(bytes)
}

/// The error of a text that is no [`Location`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseLocationError(());

impl fmt::Display for ParseLocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address, such as `192.0.2.1:443`, `unix:/path` or `host:443`")
    }
}

impl Error for ParseLocationError {}

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
