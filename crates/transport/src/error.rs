//! What can go wrong with a connection and with a call on it.

use std::error::Error;
use std::fmt;

use trunkline_runtime::PeerAddr;
use trunkline_status::{Code, Status};

use crate::connection::Shared;

/// Why a stream did not become an HTTP/2 connection.
#[derive(Debug)]
pub struct HandshakeError {
    peer: PeerAddr,
    /// What the peer said first, where that was no HTTP/2.
    foreign: Option<Vec<u8>>,
    /// The peer's GOAWAY in words, if one came.
    go_away: Option<String>,
    settings_seen: bool,
    source: Option<h2::Error>,
}

impl HandshakeError {
    pub(crate) fn new(shared: &Shared, source: Option<h2::Error>) -> Self {
        Self {
            peer: shared.peer.clone(),
            foreign: shared.foreign().map(<[u8]>::to_vec),
            go_away: shared.go_away_words(),
            settings_seen: shared.settings_seen(),
            source,
        }
    }

    /// The address at the other end.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.peer
    }

    /// What the peer said first, where that was no HTTP/2; at most 64 octets.
    #[must_use]
    pub fn foreign(&self) -> Option<&[u8]> {
        self.foreign.as_deref()
    }

    fn when(&self) -> &'static str {
        match self.settings_seen {
            true => "right after its HTTP/2 SETTINGS",
            false => "before its HTTP/2 SETTINGS came",
        }
    }
}

impl fmt::Display for HandshakeError {
    /// Without the address, which the reader has beside it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.foreign, &self.source) {
            (Some(foreign), _) if foreign.starts_with(b"HTTP/1") => write!(
                f,
                "the peer speaks HTTP/1, not HTTP/2: it said \"{}\"; is this a gRPC port?",
                escaped(foreign)
            ),
            // The type of a TLS record: alert (21) or handshake (22), then version 3.x.
            (Some(foreign), _) if matches!(foreign[..], [21 | 22, 3, ..]) => {
                f.write_str("the peer speaks TLS, and this channel is plaintext")
            }
            (Some(foreign), _) => write!(
                f,
                "the peer speaks no HTTP/2: it said \"{}\"; is this a gRPC port?",
                escaped(foreign)
            ),
            (None, source) => match (&self.go_away, source) {
                (Some(words), _) => write!(f, "the peer takes no calls: it said {words}"),
                (None, Some(error)) if error.is_io() => {
                    let when = self.when();
                    write!(f, "the connection broke {when}: {error}")
                }
                (None, Some(error)) => write!(f, "the HTTP/2 handshake failed: {error}"),
                (None, None) => write!(f, "the peer closed the connection {}", self.when()),
            },
        }
    }
}

impl Error for HandshakeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

/// Octets from a peer, safe to print.
pub(crate) fn escaped(octets: &[u8]) -> impl fmt::Display + '_ {
    octets.escape_ascii()
}

/// Why a call ended without the server's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    status: Status,
    fate: Fate,
}

/// Whether the server may have acted on a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It cannot: the call never left this process, or the server's GOAWAY excludes it.
    Unprocessed,
    /// The server says that it did not (`REFUSED_STREAM`).
    Refused,
    /// It may have.
    Unknown,
}

impl CallError {
    pub(crate) fn new(status: Status, fate: Fate) -> Self {
        Self { status, fate }
    }

    /// Reads what h2 says of the stream `stream`.
    pub(crate) fn of_stream(error: &h2::Error, stream: u32, shared: &Shared) -> Self {
        let peer = &shared.peer;
        if let Some(reason) = error
            .reason()
            .filter(|_| error.is_reset() && error.is_remote())
        {
            let fate = match reason {
                h2::Reason::REFUSED_STREAM => Fate::Refused,
                _ => Fate::Unknown,
            };
            let text = format!("{peer} reset the call: {reason:?}");
            return Self::new(Status::new(code_of(reason), text), fate);
        }
        let fate = match shared.is_unprocessed(stream) {
            true => Fate::Unprocessed,
            false => Fate::Unknown,
        };
        if let Some(reason) = error.reason().filter(|_| error.is_reset()) {
            // h2 gave the stream up by itself, and the connection goes on.
            let text = format!("the answer of {peer} breaks HTTP/2: {reason:?}");
            return Self::new(Status::internal(text), fate);
        }
        let code = match error.is_io() || error.is_go_away() || fate == Fate::Unprocessed {
            true => Code::Unavailable,
            false => Code::Internal,
        };
        let text = match (shared.go_away_words(), error.reason()) {
            (Some(words), Some(_)) => format!("connection lost: {peer} said {words}"),
            (Some(words), None) => format!("connection lost: {peer} said {words}, then: {error}"),
            (None, Some(reason)) => {
                format!("connection to {peer} lost: it breaks HTTP/2: {reason:?}")
            }
            (None, None) => format!("connection to {peer} lost: {error}"),
        };
        Self::new(Status::new(code, text), fate)
    }

    /// The status to report.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The status to report.
    #[must_use]
    pub fn into_status(self) -> Status {
        self.status
    }

    /// Whether the server may have acted on the call.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }
}

/// Source: [gRPC over HTTP/2, Errors](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors).
fn code_of(reason: h2::Reason) -> Code {
    match reason {
        h2::Reason::REFUSED_STREAM => Code::Unavailable,
        h2::Reason::CANCEL => Code::Cancelled,
        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Internal,
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)
    }
}

impl Error for CallError {}
