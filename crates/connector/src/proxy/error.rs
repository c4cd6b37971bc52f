//! Why there is no tunnel.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use super::destination::Destination;
use super::server::ProxyServer;

/// Why a proxy made no tunnel. It is inside the [`io::Error`] of a connector.
///
/// Its text names the proxy and quotes what it answered, in bounded length and without control
/// characters. It has no credentials.
#[derive(Debug)]
pub struct ProxyError {
    server: ProxyServer,
    destination: Destination,
    kind: ProxyErrorKind,
    source: Option<io::Error>,
}

/// What went wrong with a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyErrorKind {
    /// The proxy itself cannot be connected to. The source is the error.
    Unreachable,
    /// An HTTP proxy answered with another status than success (2xx).
    Refused(Box<ProxyRefusal>),
    /// A SOCKS proxy answered with this code, which is not 0.
    ///
    /// Source: [RFC 1928 section 6](https://www.rfc-editor.org/rfc/rfc1928#section-6).
    SocksRefused(u8),
    /// A SOCKS proxy accepts none of the methods of authentication that were offered.
    NoAuthMethod {
        /// True when a user and a password were offered.
        with_credentials: bool,
    },
    /// A SOCKS proxy rejected the user and the password.
    CredentialsRejected,
    /// What the proxy sent is not its protocol: the start of it, readable.
    Malformed(Box<str>),
    /// The head of an HTTP proxy's answer is longer than this, in bytes.
    HeadTooLong(usize),
    /// The proxy closed the connection before it answered, or within its answer. The source is the
    /// error, if there is one.
    Closed,
    /// The proxy did not answer in this time.
    TimedOut(Duration),
    /// The name of the destination cannot be sent: it is empty, it has a character that no name of a
    /// host has, or it is longer than 255 bytes.
    Unsendable,
}

/// The answer of an HTTP proxy that refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyRefusal {
    /// The HTTP status.
    pub status: u16,
    /// The status line, readable.
    pub status_line: Box<str>,
    /// The schemes of authentication that the proxy accepts: its `Proxy-Authenticate` headers,
    /// readable and without their parameters.
    pub challenges: Box<str>,
    /// The start of the body, readable; empty if there is none.
    pub excerpt: Box<str>,
    /// True when a user and a password were sent.
    pub with_credentials: bool,
}

/// The statuses with which a proxy wants authentication: the standard's, and the one that tinyproxy
/// sends for a wrong password.
///
/// Source: [RFC 9110 section 15.5.8](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.8).
const AUTHENTICATION_REQUIRED: [u16; 2] = [407, 401];

impl ProxyError {
    pub(crate) fn new(
        server: &ProxyServer,
        destination: &Destination,
        kind: ProxyErrorKind,
    ) -> Self {
        Self {
            server: server.clone(),
            destination: destination.clone(),
            kind,
            source: None,
        }
    }

    pub(crate) fn with_source(mut self, source: io::Error) -> Self {
        self.source = Some(source);
        self
    }

    /// Returns the proxy.
    #[must_use]
    pub fn server(&self) -> &ProxyServer {
        &self.server
    }

    /// Returns what the proxy was to connect to.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Returns what went wrong.
    #[must_use]
    pub fn kind(&self) -> &ProxyErrorKind {
        &self.kind
    }

    /// Returns the kind for the [`io::Error`] that this error is put into.
    fn io_kind(&self) -> io::ErrorKind {
        match &self.kind {
            ProxyErrorKind::Unreachable | ProxyErrorKind::Closed => match &self.source {
                Some(source) => source.kind(),
                None => io::ErrorKind::UnexpectedEof,
            },
            ProxyErrorKind::Refused(refusal) if matches!(refusal.status, 401 | 403 | 407) => {
                io::ErrorKind::PermissionDenied
            }
            ProxyErrorKind::Refused(_) | ProxyErrorKind::SocksRefused(_) => {
                io::ErrorKind::ConnectionRefused
            }
            ProxyErrorKind::NoAuthMethod { .. } | ProxyErrorKind::CredentialsRejected => {
                io::ErrorKind::PermissionDenied
            }
            ProxyErrorKind::Malformed(_) | ProxyErrorKind::HeadTooLong(_) => {
                io::ErrorKind::InvalidData
            }
            ProxyErrorKind::TimedOut(_) => io::ErrorKind::TimedOut,
            ProxyErrorKind::Unsendable => io::ErrorKind::InvalidInput,
        }
    }
}

impl From<ProxyError> for io::Error {
    fn from(error: ProxyError) -> Self {
        Self::new(error.io_kind(), error)
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            destination,
            kind,
            source,
        } = self;
        write!(f, "the proxy {server} ")?;
        match kind {
            ProxyErrorKind::Unreachable => f.write_str("cannot be reached"),
            ProxyErrorKind::Refused(refusal) => {
                write!(f, "did not connect to {destination}: {refusal}")
            }
            ProxyErrorKind::SocksRefused(code) => {
                write!(f, "did not connect to {destination}: ")?;
                match socks_reply(*code) {
                    Some(text) => f.write_str(text),
                    None => write!(f, "SOCKS reply {code}"),
                }
            }
            ProxyErrorKind::NoAuthMethod {
                with_credentials: false,
            } => f.write_str("wants authentication; give a user and a password in its URL"),
            ProxyErrorKind::NoAuthMethod {
                with_credentials: true,
            } => f.write_str("accepts no authentication by user and password"),
            ProxyErrorKind::CredentialsRejected => {
                f.write_str("rejected the user and the password in its URL")
            }
            ProxyErrorKind::Malformed(start) => {
                let expected = match server.protocol() {
                    super::server::ProxyProtocol::HttpConnect => "an HTTP/1 response",
                    super::server::ProxyProtocol::Socks5 => "a SOCKS 5 reply",
                };
                write!(f, "did not send {expected}; it sent: \"{start}\"")
            }
            ProxyErrorKind::HeadTooLong(limit) => {
                write!(f, "sent a response head of more than {limit} bytes")
            }
            ProxyErrorKind::Closed => f.write_str("closed the connection before it answered"),
            ProxyErrorKind::TimedOut(after) => {
                write!(f, "did not answer in {after:?} for {destination}")
            }
            ProxyErrorKind::Unsendable => {
                write!(f, "cannot be asked to connect to {destination}: ")?;
                f.write_str("this is no name of a host with at most 255 bytes")
            }
        }?;
        match source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl fmt::Display for ProxyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answered \"{}\"", self.status_line)?;
        if !self.excerpt.is_empty() {
            write!(f, " with \"{}\"", self.excerpt)?;
        }
        if AUTHENTICATION_REQUIRED.contains(&self.status) {
            f.write_str(if self.with_credentials {
                "; it rejected the user and the password in its URL"
            } else {
                "; give a user and a password in its URL"
            })?;
            if !self.challenges.is_empty() {
                let challenges = &self.challenges;
                write!(f, " (it accepts: {challenges}; only Basic can be sent)")?;
            }
        }
        Ok(())
    }
}

/// Returns the meaning of a SOCKS reply.
fn socks_reply(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => return None,
    })
}

/// Returns bytes that a peer sent as text for a message: one line, without control characters, at
/// most `limit` characters.
pub(crate) fn readable(bytes: &[u8], limit: usize) -> Box<str> {
    let text = String::from_utf8_lossy(bytes);
    let mut readable = String::new();
    let words = text.split_whitespace();
    for (at, word) in words.enumerate() {
        if at > 0 {
            readable.push(' ');
        }
        for c in word.chars() {
            // The escapes of controls and of marks that change the direction of text, but not of
            // quotes, combining marks and letters.
            let is_plain = !c.is_control()
                && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            if is_plain {
                readable.push(c);
            } else {
                readable.extend(c.escape_unicode());
            }
        }
        if readable.len() > limit {
            break;
        }
    }
    if readable.chars().count() > limit {
        readable = readable.chars().take(limit).collect();
        readable.push_str("...");
    }
    readable.into()
}
