//! One subchannel, in an inspection.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkline_endpoint::{Location, ShortList};
use trunkline_lb::SubchannelId;

use crate::core::connections::ConnectionId;
use crate::inspect::connection::ConnectionInspection;
#[cfg(feature = "serde")]
use crate::inspect::json;

/// One subchannel, in an inspection: one address that the policy wants calls to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SubchannelInspection {
    /// The subchannel. In JSON: a text, such as `#3.0`.
    #[cfg_attr(feature = "serde", serde(with = "json::text"))]
    pub id: SubchannelId,
    /// The address. In JSON: a text, such as `192.0.2.1:50051`, `unix:/path`, `unix-abstract:name` or
    /// `host:port`.
    #[cfg_attr(feature = "serde", serde(with = "json::text"))]
    pub address: Location,
    /// The server name of the address, if it has one of its own.
    pub server_name: Option<String>,
    /// The attributes of the address, by name.
    pub attributes: BTreeMap<String, String>,
    /// What the subchannel is doing.
    pub stage: SubchannelStage,
    /// The time since it has been doing that. In JSON: `stage_age_ms`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "stage_age_ms", with = "json::millis")
    )]
    pub stage_age: Duration,
    /// The step of the connection attempt that runs; `None` if none runs. A READY subchannel can have
    /// one too: for one more connection.
    pub connecting: Option<ConnectingStep>,
    /// How long no attempt starts: what is left of a back-off, or of the time to which the early loss
    /// of a connection holds the next attempt back. In JSON: `wait_left_ms`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "wait_left_ms", with = "json::millis_option", default)
    )]
    pub wait_left: Option<Duration>,
    /// The number of connection attempts that were started.
    pub attempts_started: u64,
    /// The number of connection attempts that have failed.
    pub attempts_failed: u64,
    /// The last failed attempt.
    pub last_failure: Option<FailureInspection>,
    /// The last connection that was lost.
    pub last_loss: Option<LossInspection>,
    /// The connections that take calls, the oldest first.
    #[cfg_attr(feature = "serde", serde(with = "json::list"))]
    pub connections: ShortList<ConnectionInspection>,
}

/// What a subchannel is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SubchannelStage {
    /// Nothing: it connects when the policy asks for that. In JSON: `idle`. For policies: IDLE.
    Idle,
    /// It is to connect, and waits, because its last connection was lost before it answered a call. In
    /// JSON: `held_back`. For policies: CONNECTING.
    HeldBack,
    /// A connection attempt runs. In JSON: `connecting`. For policies: CONNECTING.
    Connecting,
    /// It has a connection, or several. In JSON: `ready`. For policies: READY.
    Ready,
    /// The last attempt failed, and the back-off has not ended. In JSON: `backing_off`. For policies:
    /// TRANSIENT_FAILURE.
    BackingOff,
}

/// The step of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ConnectingStep {
    /// The connector is making a stream. In JSON: `dialing`.
    Dialing,
    /// A proxy is connected, and has not made a tunnel. In JSON: `proxy`.
    Proxy,
    /// The TLS handshake has not ended. In JSON: `tls_handshake`.
    TlsHandshake,
    /// The server's HTTP/2 SETTINGS have not arrived. In JSON: `http2_handshake`.
    Http2Handshake,
}

/// The failure of a connection attempt, in an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FailureInspection {
    /// The time since the failure. In JSON: `age_ms`.
    #[cfg_attr(feature = "serde", serde(rename = "age_ms", with = "json::millis"))]
    pub age: Duration,
    /// The connection that the attempt was to make. In JSON: a number.
    pub connection: ConnectionId,
    /// The reason, as text without the address.
    pub message: String,
}

/// The loss of a connection, in an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LossInspection {
    /// The time since the loss. In JSON: `age_ms`.
    #[cfg_attr(feature = "serde", serde(rename = "age_ms", with = "json::millis"))]
    pub age: Duration,
    /// The connection. In JSON: a number.
    pub connection: ConnectionId,
    /// The time from its handshake to its loss. In JSON: `connection_age_ms`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "connection_age_ms", with = "json::millis")
    )]
    pub connection_age: Duration,
    /// True when the server took no call on it.
    pub was_unused: bool,
    /// The reason, as text.
    pub message: String,
}
