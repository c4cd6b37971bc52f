//! A proxy: its protocol, its address, its credentials.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use trunkline_endpoint::{Address, Location};

/// The port of an HTTP proxy whose URL has none.
///
/// Source: [the default HTTP proxy mapper of gRPC](https://github.com/grpc/grpc/blob/master/doc/default_http_proxy_mapper.md):
/// the proxy is resolved as a target is, and a target's default port is 443.
const HTTP_PORT: u16 = 443;

/// The port of a SOCKS proxy whose URL has none.
///
/// Source: [RFC 1928 section 3](https://www.rfc-editor.org/rfc/rfc1928#section-3).
const SOCKS_PORT: u16 = 1080;

/// The longest user name and the longest password, in bytes.
///
/// Source: [RFC 1929 section 2](https://www.rfc-editor.org/rfc/rfc1929#section-2), which gives each
/// a length of one byte. The same limit holds for HTTP.
const MAX_CREDENTIAL: usize = 255;

/// A proxy: its protocol, its host and port, and the user and password that it wants.
///
/// Parsed from a URL, `[scheme://][user:password@]host[:port]`:
///
/// | scheme | protocol | default port |
/// |---|---|---|
/// | `http`, or none | HTTP CONNECT, without encryption to the proxy | 443 |
/// | `socks5`, `socks5h` | SOCKS version 5; the proxy looks names up | 1080 |
///
/// User and password are percent-decoded. Neither `Display` nor `Debug` prints the password, and
/// `Display` prints no user either. A clone is cheap.
///
/// ```
/// use trunkline_connector::ProxyServer;
///
/// let proxy: ProxyServer = "http://orders:s%40fe@proxy.corp:3128".parse()?;
/// assert_eq!((proxy.host(), proxy.port()), ("proxy.corp", 3128));
/// assert_eq!(proxy.to_string(), "http://proxy.corp:3128");
/// # Ok::<_, trunkline_connector::ProxyUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyServer {
    protocol: ProxyProtocol,
    host: Arc<str>,
    port: u16,
    credentials: Option<Arc<Credentials>>,
}

/// The protocol that a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyProtocol {
    /// HTTP/1.1 CONNECT.
    ///
    /// Source: [RFC 9110 section 9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6).
    HttpConnect,
    /// SOCKS version 5.
    ///
    /// Source: [RFC 1928](https://www.rfc-editor.org/rfc/rfc1928).
    Socks5,
}

impl ProxyProtocol {
    fn scheme(self) -> &'static str {
        match self {
            Self::HttpConnect => "http",
            Self::Socks5 => "socks5",
        }
    }
}

/// A user name and a password, in bytes. Never printed.
#[derive(PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

impl ProxyServer {
    /// Returns the proxy at this host and port: a name, or an IP address without brackets.
    #[must_use]
    pub fn new(protocol: ProxyProtocol, host: impl Into<Arc<str>>, port: u16) -> Self {
        Self {
            protocol,
            host: host.into(),
            port,
            credentials: None,
        }
    }

    /// Sets the user and the password. Over HTTP they are sent as `Proxy-Authorization: Basic`.
    ///
    /// # Errors
    ///
    /// When one is longer than 255 bytes, or the user has a colon and the protocol is HTTP: Basic
    /// authentication cannot express it.
    ///
    /// Source: [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617),
    /// [RFC 1929](https://www.rfc-editor.org/rfc/rfc1929).
    pub fn with_credentials(
        mut self,
        user: impl Into<Vec<u8>>,
        password: impl Into<Vec<u8>>,
    ) -> Result<Self, ProxyUrlError> {
        let (user, password) = (user.into(), password.into());
        if user.len() > MAX_CREDENTIAL || password.len() > MAX_CREDENTIAL {
            return Err(ProxyUrlError::new(
                "the user or the password is longer than 255 bytes",
            ));
        }
        if self.protocol == ProxyProtocol::HttpConnect && user.contains(&b':') {
            return Err(ProxyUrlError::new(
                "the user contains a colon, which Basic authentication cannot send",
            ));
        }
        self.credentials = Some(Arc::new(Credentials { user, password }));
        Ok(self)
    }

    /// Returns the protocol.
    #[must_use]
    pub fn protocol(&self) -> ProxyProtocol {
        self.protocol
    }

    /// Returns the host: a name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_deref()
    }

    /// Returns the address that a connector connects to.
    pub(crate) fn address(&self) -> Address {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => Address::from(SocketAddr::new(ip, self.port)),
            Err(_) => Address::new(Location::Name {
                host: Arc::clone(&self.host),
                port: self.port,
            }),
        }
    }
}

impl FromStr for ProxyServer {
    type Err = ProxyUrlError;

    fn from_str(url: &str) -> Result<Self, ProxyUrlError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyProtocol::HttpConnect,
            "socks5" | "socks5h" => ProxyProtocol::Socks5,
            "https" => {
                return Err(ProxyUrlError::new(
                    "the scheme `https` (TLS to the proxy itself) is not supported; use a proxy \
                     with the scheme `http`: what goes through its tunnel can still be encrypted",
                ));
            }
            _ => {
                return Err(ProxyUrlError::new(
                    "the scheme is not supported; expected `http`, `socks5` or `socks5h`",
                ));
            }
        };
        let authority = match rest.find(['/', '?', '#']) {
            Some(end) if rest[end..].len() > 1 => {
                return Err(ProxyUrlError::new(
                    "there is more than a host and a port; escape `/`, `?` and `#` in a password \
                     as `%2F`, `%3F` and `%23`",
                ));
            }
            Some(end) => &rest[..end],
            None => rest,
        };
        // A password may have an `@` that is not escaped.
        let (userinfo, host_port) = match authority.rsplit_once('@') {
            Some((userinfo, host_port)) => (Some(userinfo), host_port),
            None => (None, authority),
        };
        let (host, port) = split_host_port(host_port)?;
        let port = port.unwrap_or(match protocol {
            ProxyProtocol::HttpConnect => HTTP_PORT,
            ProxyProtocol::Socks5 => SOCKS_PORT,
        });
        let server = Self::new(protocol, host, port);
        let Some(userinfo) = userinfo else {
            return Ok(server);
        };
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        server.with_credentials(percent_decoded(user)?, percent_decoded(password)?)
    }
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_host_port(text: &str) -> Result<(&str, Option<u16>), ProxyUrlError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or_else(|| ProxyUrlError::new("the bracket before the host is not closed"))?;
        if !matches!(host.parse(), Ok(IpAddr::V6(_))) {
            return Err(ProxyUrlError::new(
                "the host in brackets is not an IPv6 address",
            ));
        }
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(ProxyUrlError::new("expected `:port` after the host")),
        }
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(ProxyUrlError::new(
                    "the host has several colons; put an IPv6 address into brackets",
                ));
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err(ProxyUrlError::new("there is no host"));
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    if !host.bytes().all(is_allowed) {
        return Err(ProxyUrlError::new(
            "the host has a character that no name of a host has",
        ));
    }
    let port = match port {
        None | Some("") => None,
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => Some(port),
            _ => {
                return Err(ProxyUrlError::new(
                    "the port is not a number from 1 to 65535",
                ));
            }
        },
    };
    Ok((host, port))
}

fn percent_decoded(text: &str) -> Result<Vec<u8>, ProxyUrlError> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = char::from(bytes.next()?).to_digit(16)?;
            u8::try_from(digit).ok()
        };
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(ProxyUrlError::new(
                "the user or the password has a `%` that two hexadecimal digits do not follow",
            ));
        };
        decoded.push(high << 4 | low);
    }
    Ok(decoded)
}

/// Prints the URL without user and password.
impl fmt::Display for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.protocol.scheme();
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyServer")
            .field("url", &format_args!("{self}"))
            .field("has_credentials", &self.credentials.is_some())
            .finish()
    }
}

/// Why a URL names no proxy that can be used. Its text never quotes the URL, which may have a
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyUrlError {
    reason: &'static str,
}

impl ProxyUrlError {
    fn new(reason: &'static str) -> Self {
        Self { reason }
    }
}

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the URL of a proxy: ")?;
        f.write_str(self.reason)
    }
}

impl Error for ProxyUrlError {}
