//! Why a connection attempt failed, and why a connection was lost, as types. Only their `Display`
//! has words.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use trunkline_endpoint::Address;

/// Why one connection attempt of a subchannel failed.
///
/// [`source`](Error::source) is the error of the layer that failed: an [`io::Error`] of the
/// connector, or the transport's `HandshakeError`.
#[derive(Clone, Debug)]
pub struct ConnectFailure {
    address: Address,
    kind: ConnectFailureKind,
    /// The step that the attempt was at.
    phase: ConnectPhase,
    /// Whether TLS continued an earlier session, where its handshake succeeded.
    resumed_tls: Option<bool>,
    /// The time of the TLS handshake, where one was begun.
    tls_handshake: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The step at which a connection attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectFailureKind {
    /// The connector returned no stream (connection refused, for example).
    Stream(io::ErrorKind),
    /// The peer accepted the stream, and the HTTP/2 handshake on it failed.
    Handshake,
    /// The attempt took longer than its deadline.
    TimedOut {
        /// The step that did not end.
        phase: ConnectPhase,
        /// The time from the start of the attempt to its deadline.
        waited: Duration,
    },
    /// The task of the attempt ended without a result.
    Aborted,
}

/// The step that a connection attempt is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectPhase {
    /// The connector is making a stream.
    Dialing,
    /// A proxy is connected, and has not made a tunnel.
    Proxy,
    /// There is a stream, and the TLS handshake on it has not ended.
    TlsHandshake,
    /// There is a stream, and the server's HTTP/2 SETTINGS have not arrived.
    Handshake,
}

impl ConnectFailure {
    pub(crate) fn new(address: Address, kind: ConnectFailureKind) -> Self {
        Self {
            address,
            kind,
            phase: ConnectPhase::Dialing,
            resumed_tls: None,
            tls_handshake: None,
            source: None,
        }
    }

    pub(crate) fn with_phase(mut self, phase: ConnectPhase) -> Self {
        self.phase = phase;
        self
    }

    /// Returns whether another attempt may succeed once what the connector connects with has changed: the
    /// connector refused the attempt by itself, or the attempt had a stream.
    pub(crate) fn may_end_with_connector(&self) -> bool {
        let is_refused = ConnectFailureKind::Stream(io::ErrorKind::InvalidInput);
        let had_stream = [ConnectPhase::TlsHandshake, ConnectPhase::Handshake];
        self.kind == is_refused || had_stream.contains(&self.phase)
    }

    pub(crate) fn with_resumed_tls(mut self, resumed_tls: Option<bool>) -> Self {
        self.resumed_tls = resumed_tls;
        self
    }

    pub(crate) fn with_tls_handshake(mut self, took: Option<Duration>) -> Self {
        self.tls_handshake = took;
        self
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Returns the address that the attempt was made to.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the step that failed.
    #[must_use]
    pub fn kind(&self) -> ConnectFailureKind {
        self.kind
    }

    /// Returns whether TLS continued an earlier session, where its handshake succeeded and that of HTTP/2
    /// did not; else `None`.
    #[must_use]
    pub fn resumed_tls(&self) -> Option<bool> {
        self.resumed_tls
    }

    /// Returns the time that the TLS handshake took, until it succeeded, failed or was given up; `None` where
    /// none was begun.
    #[must_use]
    pub fn tls_handshake(&self) -> Option<Duration> {
        self.tls_handshake
    }
}

impl fmt::Display for ConnectFailure {
    /// Prints the reason without the address: texts that quote a failure name the address too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, &self.source) {
            (ConnectFailureKind::TimedOut { phase, waited }, _) => {
                write!(f, "gave up after {waited:?}: {phase}")
            }
            (ConnectFailureKind::Aborted, _) => {
                f.write_str("the task of the attempt was dropped, or its connector panicked")
            }
            (_, Some(source)) => f.write_str(&strip_os_error_codes(&source.to_string())),
            (ConnectFailureKind::Stream(kind), None) => kind.fmt(f),
            (ConnectFailureKind::Handshake, None) => f.write_str("the HTTP/2 handshake failed"),
        }
    }
}

impl Error for ConnectFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for ConnectPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dialing => "connecting",
            Self::Proxy => "connected to the proxy, which has not answered yet",
            Self::TlsHandshake => "connected, but the TLS handshake has not ended",
            Self::Handshake => "connected, but no HTTP/2 SETTINGS came yet",
        })
    }
}

/// Why a connection takes no new calls any more.
///
/// [`source`](Error::source) is the transport's own error.
#[derive(Clone, Debug)]
pub struct ConnectionLost {
    reason: ConnectionLostReason,
    is_unused: bool,
    age: Duration,
    raised_keepalive: Option<Duration>,
    source: Arc<dyn Error + Send + Sync>,
}

/// The kind of a connection's end.
///
/// Source: the reasons of `grpc.disconnect_error` in [gRFC A94](https://github.com/grpc/proposal/blob/master/A94-subchannel-otel-metrics.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionLostReason {
    /// The server sent GOAWAY with this HTTP/2 error code; calls in progress may still succeed.
    GoAway {
        /// The error code; 0 is NO_ERROR, as in an orderly shutdown.
        code: u32,
    },
    /// The server closed the connection.
    Closed,
    /// Reading or writing failed.
    Io(io::ErrorKind),
    /// One side broke HTTP/2.
    Protocol {
        /// The HTTP/2 error code, where there is one.
        code: Option<u32>,
    },
    /// Almost all stream identifiers are used; a new connection starts from 1 again.
    StreamsUsedUp,
    /// Very many small frames came for calls that were cancelled; a new connection starts afresh.
    LateFrames,
    /// The runtime dropped the task that polls the connection.
    TaskDropped,
    /// Nothing used the connection any more, and the server did not read what was left to send.
    NotRead,
    /// The keepalive gave the connection up: no byte came for `time`, and none within `timeout` after
    /// the PING that was then sent. For `grpc.disconnect_error` this is "connection timed out".
    KeepaliveTimeout {
        /// The time without a byte before the PING.
        time: Duration,
        /// The time without a byte after the PING.
        timeout: Duration,
    },
    /// None of the above.
    Unknown,
}

impl ConnectionLost {
    pub(crate) fn new(
        reason: ConnectionLostReason,
        is_unused: bool,
        age: Duration,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            reason,
            is_unused,
            age,
            raised_keepalive: None,
            source: Arc::new(source),
        }
    }

    pub(crate) fn with_raised_keepalive(mut self, time: Option<Duration>) -> Self {
        self.raised_keepalive = time;
        self
    }

    /// Returns the keepalive time that later connections of the channel use at least: twice this
    /// connection's if the server ended it because of its PINGs (`too_many_pings`), else `None`.
    #[must_use]
    pub fn raised_keepalive(&self) -> Option<Duration> {
        self.raised_keepalive
    }

    /// Returns the kind of the end.
    #[must_use]
    pub fn reason(&self) -> ConnectionLostReason {
        self.reason
    }

    /// Returns true when the server took no call on the connection: it began no response, and sent
    /// no GOAWAY in good order (`NO_ERROR`) that includes a call.
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

impl fmt::Display for ConnectionLost {
    /// Prints the peer and what happened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for ConnectionLost {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// Removes error numbers, such as "(os error 111)", from the standard library's texts: the words
/// before the number already give the reason.
fn strip_os_error_codes(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut plain = String::from(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once(')').map_or(part, |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text after a code stays: the other addresses of a race, for example.
    #[test]
    fn os_error_codes_are_removed() {
        for (text, plain) in [
            ("Connection refused (os error 111)", "Connection refused"),
            ("a: x (os error 1), b: y (os error 2); c", "a: x, b: y; c"),
            ("timed out", "timed out"),
            ("cut (os error 1", "cut1"),
        ] {
            assert_eq!(strip_os_error_codes(text), plain);
        }
    }

    /// A failed attempt keeps its address, its kind and the error of the layer below.
    #[test]
    fn a_failure_keeps_its_source() {
        let address = Address::from(std::net::SocketAddr::from(([192, 0, 2, 1], 443)));
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let kind = ConnectFailureKind::Stream(refused.kind());
        let failure = ConnectFailure::new(address.clone(), kind).with_source(refused);
        assert_eq!(failure.address(), &address);
        assert_eq!(failure.kind(), kind);
        let source = failure.source().and_then(|source| source.downcast_ref());
        assert_eq!(
            source.map(io::Error::kind),
            Some(io::ErrorKind::ConnectionRefused)
        );
        assert_eq!(failure.to_string(), "connection refused");
    }
}
