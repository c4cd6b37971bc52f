//! Failures of a handshake.

use std::error::Error;
use std::fmt;

use trunkline_runtime::PeerAddr;

use super::source::source_of;
use crate::codes::WrongFirstFrame;
use crate::go_away::GoAway;
use crate::state::ConnectionState;

/// The content types of the TLS records with which a server begins: alert and handshake.
///
/// Source: [RFC 8446 section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1).
const TLS_ALERT: u8 = 21;
const TLS_HANDSHAKE: u8 = 22;

/// The major version in the header of a TLS record, up to TLS 1.3.
///
/// Source: [RFC 8446 section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1).
const TLS_MAJOR_VERSION: u8 = 3;

/// The reason why a stream did not become an HTTP/2 connection.
///
/// Its text leaves the address out: callers print that beside it.
#[derive(Debug)]
pub struct HandshakeError {
    peer: PeerAddr,
    /// The first bytes of a peer that does not speak HTTP/2.
    foreign: Option<Vec<u8>>,
    go_away: Option<GoAway>,
    wrong_first_frame: Option<WrongFirstFrame>,
    settings_seen: bool,
    /// `None` when the peer closed the connection in good order, or sent GOAWAY.
    source: Option<h2::Error>,
}

/// The kind of a [`HandshakeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeErrorKind {
    /// The peer speaks HTTP/1.
    Http1,
    /// The peer speaks TLS.
    Tls,
    /// The peer speaks another protocol.
    NotHttp2,
    /// The peer takes no calls: it sent GOAWAY.
    GoAway,
    /// The peer closed the connection.
    Closed,
    /// The stream failed; [`source`](Error::source) is its [`io::Error`](std::io::Error).
    Io,
    /// The peer broke HTTP/2, such as by another first frame than SETTINGS.
    Protocol,
}

impl HandshakeError {
    pub(crate) fn new(state: &ConnectionState, source: Option<h2::Error>) -> Self {
        Self {
            peer: state.peer.clone(),
            foreign: state.foreign().map(<[u8]>::to_vec),
            go_away: state.go_away().cloned(),
            wrong_first_frame: state.wrong_first_frame(),
            settings_seen: state.settings_seen(),
            source,
        }
    }

    /// Returns the kind of failure.
    #[must_use]
    pub fn kind(&self) -> HandshakeErrorKind {
        if let Some(foreign) = &self.foreign {
            return match foreign[..] {
                [TLS_ALERT | TLS_HANDSHAKE, TLS_MAJOR_VERSION, ..] => HandshakeErrorKind::Tls,
                _ if foreign.starts_with(b"HTTP/1") => HandshakeErrorKind::Http1,
                _ => HandshakeErrorKind::NotHttp2,
            };
        }
        match &self.source {
            _ if self.go_away.is_some() => HandshakeErrorKind::GoAway,
            _ if self.wrong_first_frame.is_some() => HandshakeErrorKind::Protocol,
            Some(error) if error.is_io() => HandshakeErrorKind::Io,
            Some(_) => HandshakeErrorKind::Protocol,
            None => HandshakeErrorKind::Closed,
        }
    }

    /// Returns the address at the other end.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.peer
    }

    /// Returns the first bytes of a peer that does not speak HTTP/2: at most 64.
    #[must_use]
    pub fn foreign(&self) -> Option<&[u8]> {
        self.foreign.as_deref()
    }

    /// Returns the peer's GOAWAY, if one came.
    #[must_use]
    pub fn go_away(&self) -> Option<&GoAway> {
        self.go_away.as_ref()
    }

    fn when(&self) -> &'static str {
        if self.settings_seen {
            "right after its HTTP/2 SETTINGS"
        } else {
            "before its HTTP/2 SETTINGS came"
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind() == HandshakeErrorKind::Protocol
            && let Some(first) = self.wrong_first_frame
        {
            return write!(
                f,
                "the peer's first HTTP/2 frame is {first}, and must be SETTINGS"
            );
        }
        let foreign = self.foreign().unwrap_or_default().escape_ascii();
        match (self.kind(), &self.go_away, &self.source) {
            (HandshakeErrorKind::Http1, ..) => write!(
                f,
                "the peer speaks HTTP/1, not HTTP/2: it sent \"{foreign}\"; is this a gRPC port?"
            ),
            (HandshakeErrorKind::Tls, ..) => {
                f.write_str("the peer speaks TLS, and this channel is plaintext")
            }
            (HandshakeErrorKind::NotHttp2, ..) => write!(
                f,
                "the peer speaks no HTTP/2: it sent \"{foreign}\"; is this a gRPC port?"
            ),
            (HandshakeErrorKind::GoAway, Some(go_away), _) => {
                write!(f, "the peer takes no calls: it said {go_away}")?;
                if self.settings_seen {
                    Ok(())
                } else {
                    f.write_str(" before its HTTP/2 SETTINGS")
                }
            }
            (HandshakeErrorKind::Io, _, Some(error)) => {
                write!(f, "the connection broke {}: {error}", self.when())
            }
            (_, _, Some(error)) => write!(f, "the HTTP/2 handshake failed: {error}"),
            (_, _, None) => write!(f, "the peer closed the connection {}", self.when()),
        }
    }
}

impl Error for HandshakeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(source_of)
    }
}
