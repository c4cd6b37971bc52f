//! The loss of a connection.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use trunkline_runtime::PeerAddr;

use super::source::source_of;
use crate::go_away::GoAway;
use crate::keepalive::Silence;
use crate::state::ConnectionState;

/// The reason why a connection takes no new calls any more.
#[derive(Clone, Debug)]
pub struct Lost {
    peer: PeerAddr,
    reason: LostReason,
    is_unused: bool,
    age: Duration,
    raised_keepalive: Option<Duration>,
    source: Option<Arc<h2::Error>>,
}

/// The event that ended a connection, without the address of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LostReason {
    /// The server sent GOAWAY. Calls that have begun may still run.
    GoAway(GoAway),
    /// The connection ended in good order: the server closed it, or all of this side's calls and
    /// handles are gone.
    Closed,
    /// The stream failed.
    Io(io::ErrorKind),
    /// The server broke HTTP/2.
    Protocol {
        /// The [error code](https://www.rfc-editor.org/rfc/rfc9113#section-7), if there is one.
        code: Option<u32>,
    },
    /// No stream number is left for a new call. Calls that have begun may still run.
    StreamsUsedUp,
    /// Very many small frames came for calls that were cancelled, and used up a part of what the
    /// connection bears. Calls that have begun may still run.
    LateFrames,
    /// The server did not read what was sent to it, and nothing used the connection any more.
    NotRead,
    /// No byte came for `time`, and none within `timeout` after the PING that was then sent. The
    /// calls on the connection have failed.
    KeepaliveTimeout {
        /// [`KeepaliveOptions::time`](crate::KeepaliveOptions::time), as it was in force.
        time: Duration,
        /// [`KeepaliveOptions::timeout`](crate::KeepaliveOptions::timeout), as it was in force.
        timeout: Duration,
    },
    /// This side ended the connection with the calls on it; see
    /// [`ConnectionEnd`](crate::ConnectionEnd).
    CutOff,
    /// The runtime dropped the task that polled the connection.
    TaskDropped,
}

impl From<Silence> for LostReason {
    fn from(Silence { time, timeout }: Silence) -> Self {
        Self::KeepaliveTimeout { time, timeout }
    }
}

impl LostReason {
    pub(crate) fn of(error: &h2::Error) -> Self {
        match error.get_io() {
            Some(error) => Self::Io(error.kind()),
            None => Self::Protocol {
                code: error.reason().map(u32::from),
            },
        }
    }
}

impl Lost {
    pub(crate) fn new(
        state: &ConnectionState,
        reason: LostReason,
        source: Option<h2::Error>,
        age: Duration,
    ) -> Self {
        Self {
            peer: state.peer.clone(),
            reason,
            is_unused: !state.is_used(),
            age,
            raised_keepalive: None,
            source: source.map(Arc::new),
        }
    }

    pub(crate) fn with_raised_keepalive(mut self, time: Option<Duration>) -> Self {
        self.raised_keepalive = time;
        self
    }

    /// Returns the [`KeepaliveOptions::time`](crate::KeepaliveOptions::time) that later connections
    /// must use at least: twice this connection's if the server ended it because of its PINGs
    /// (GOAWAY with `ENHANCE_YOUR_CALM` and `too_many_pings`), else `None`.
    ///
    /// Source: [gRFC A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).
    #[must_use]
    pub fn raised_keepalive(&self) -> Option<Duration> {
        self.raised_keepalive
    }

    /// Returns the address at the other end.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.peer
    }

    /// Returns what ended the connection.
    #[must_use]
    pub fn reason(&self) -> &LostReason {
        &self.reason
    }

    /// Returns whether the server took no call on the connection: it began no response, and sent no
    /// GOAWAY in good order (`NO_ERROR`) that includes a call. HEADERS on a stream that was not
    /// opened are no response, nor are those of a call that the server's GOAWAY excludes.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.is_unused
    }

    /// Returns the time from the end of the handshake to the loss.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.age
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = &self.peer;
        match (&self.reason, &self.source) {
            (LostReason::GoAway(go_away), _) => write!(f, "{peer} sent {go_away}"),
            (LostReason::Closed, _) => write!(f, "{peer} closed"),
            (LostReason::LateFrames, _) => {
                write!(f, "{peer}: too much came for calls that were cancelled")
            }
            (LostReason::StreamsUsedUp, _) => {
                write!(f, "{peer}: the stream numbers are used up")
            }
            (LostReason::NotRead, _) => write!(f, "{peer} stopped reading"),
            (LostReason::KeepaliveTimeout { time, timeout }, _) => {
                let (time, timeout) = (*time, *timeout);
                write!(f, "{peer}: {}", Silence { time, timeout })
            }
            (LostReason::CutOff, _) => write!(f, "{peer} was cut off by this side"),
            (LostReason::TaskDropped, _) => {
                write!(f, "{peer}: the task of the connection was dropped")
            }
            (_, Some(error)) => write!(f, "{peer}: {error}"),
            (LostReason::Io(kind), None) => write!(f, "{peer}: {kind}"),
            (LostReason::Protocol { .. }, None) => write!(f, "{peer}: HTTP/2 was broken"),
        }
    }
}

impl Error for Lost {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(source_of)
    }
}
