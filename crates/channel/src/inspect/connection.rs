//! One connection, in an inspection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_connector::{ConnectionInfo, SecurityLevel, TlsInfo};
use trunkline_runtime::PeerAddr;
use trunkline_transport::ConnectionStats;

use crate::core::connections::ConnectionId;
#[cfg(feature = "serde")]
use crate::inspect::json;

/// One connection of a subchannel, in an inspection.
///
/// The numbers of streams and bytes are those of HTTP/2, since the start of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ConnectionInspection {
    /// The connection. In JSON: a number.
    pub id: ConnectionId,
    /// The time since the end of the HTTP/2 handshake. In JSON: `age_ms`.
    #[cfg_attr(feature = "serde", serde(rename = "age_ms", with = "json::millis"))]
    pub age: Duration,
    /// The address at the other end. In JSON: a text, such as `192.0.2.1:50051`, `unix:/path` or
    /// `unix-abstract:name`.
    #[cfg_attr(feature = "serde", serde(with = "json::peer"))]
    pub peer: PeerAddr,
    /// The address of this side, where it is known. In JSON: a text, or `null`.
    #[cfg_attr(feature = "serde", serde(with = "json::peer_option", default))]
    pub local: Option<PeerAddr>,
    /// How the stream is protected.
    pub security: ConnectionSecurity,
    /// The protocol that ALPN chose, such as `h2`; `None` without ALPN.
    pub alpn: Option<String>,
    /// What TLS agreed on; `None` without TLS.
    pub tls: Option<TlsInspection>,
    /// The number of streams that were started.
    pub streams_started: u64,
    /// The number of streams that the server ended in good order, whatever the status of the call.
    pub streams_succeeded: u64,
    /// The number of streams that were reset, or lost with the connection.
    pub streams_failed: u64,
    /// The number of streams that are open now.
    pub streams_open: u64,
    /// How many streams the server allows at a time; `None` for no limit.
    pub max_concurrent_streams: Option<u32>,
    /// The time since the start of the last stream; `None` before the first. In JSON:
    /// `last_stream_age_ms`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "last_stream_age_ms", with = "json::millis_option", default)
    )]
    pub last_stream_age: Option<Duration>,
    /// The number of bytes that were sent, without those of TLS.
    pub bytes_sent: u64,
    /// The number of bytes that were received, without those of TLS.
    pub bytes_received: u64,
    /// The number of HTTP/2 frames that were sent.
    pub frames_sent: u64,
    /// The number of HTTP/2 frames that were received.
    pub frames_received: u64,
    /// The number of keepalive PINGs that were sent.
    pub keepalives_sent: u64,
    /// How many bytes of data the server still takes on all streams together.
    pub send_window: u32,
    /// How many bytes of data this side still takes on all streams together.
    pub receive_window: u32,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ConnectionSecurity {
    /// Not at all. In JSON: `none`.
    None,
    /// Changes on the path are detected. In JSON: `integrity_only`.
    IntegrityOnly,
    /// Changes are detected, and the data cannot be read. In JSON: `privacy_and_integrity`.
    PrivacyAndIntegrity,
}

/// What TLS agreed on, in an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TlsInspection {
    /// The version: `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// True when the handshake continued an earlier session.
    pub resumed: bool,
    /// The name that the server's certificate was checked for.
    pub server_name: String,
    /// The number of certificates that the server sent.
    pub peer_certificates: usize,
    /// True when the server asked for a client certificate.
    pub asked_for_certificate: bool,
    /// Why files that have changed are not used, if that is so.
    pub reload_problem: Option<String>,
}

/// What the control task reads of one connection.
#[derive(Debug)]
pub(crate) struct ConnectionFacts {
    id: ConnectionId,
    peer: PeerAddr,
    security: SecurityLevel,
    alpn: Option<Arc<[u8]>>,
    tls: Option<Arc<TlsInfo>>,
    peer_certificates: usize,
    established: Instant,
    stats: ConnectionStats,
}

impl ConnectionFacts {
    /// Copies what an inspection shows, and no more: there may be ten thousand connections.
    pub(crate) fn new(
        id: ConnectionId,
        info: &ConnectionInfo,
        established: Instant,
        stats: ConnectionStats,
    ) -> Self {
        Self {
            id,
            peer: info.peer.clone(),
            security: info.security,
            alpn: info.alpn.clone(),
            tls: info.tls.clone(),
            peer_certificates: info.peer_certificates.len(),
            established,
            stats,
        }
    }

    /// Returns the connection as an inspection shows it.
    pub(super) fn inspection(self, now: Instant) -> ConnectionInspection {
        let stats = self.stats;
        let tls = self.tls.as_deref().map(|tls| TlsInspection {
            version: tls.version.clone(),
            cipher: tls.cipher.clone(),
            resumed: tls.resumed,
            server_name: tls.server_name.clone(),
            peer_certificates: self.peer_certificates,
            asked_for_certificate: tls.asked_for_certificate,
            reload_problem: tls.reload_problem.clone(),
        });
        let streams_open = stats.streams_open();
        ConnectionInspection {
            id: self.id,
            age: now.saturating_duration_since(self.established),
            peer: self.peer,
            local: stats.local_addr,
            security: match self.security {
                SecurityLevel::None => ConnectionSecurity::None,
                SecurityLevel::IntegrityOnly => ConnectionSecurity::IntegrityOnly,
                SecurityLevel::PrivacyAndIntegrity => ConnectionSecurity::PrivacyAndIntegrity,
            },
            alpn: self.alpn.map(|alpn| alpn.escape_ascii().to_string()),
            tls,
            streams_started: stats.streams_started,
            streams_succeeded: stats.streams_succeeded,
            streams_failed: stats.streams_failed,
            streams_open,
            max_concurrent_streams: stats.max_concurrent_streams,
            last_stream_age: stats
                .last_stream_started
                .map(|at| now.saturating_duration_since(at)),
            bytes_sent: stats.bytes_sent,
            bytes_received: stats.bytes_received,
            frames_sent: stats.frames_sent,
            frames_received: stats.frames_received,
            keepalives_sent: stats.keepalives_sent,
            send_window: stats.send_window,
            receive_window: stats.receive_window,
        }
    }
}
