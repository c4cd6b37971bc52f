//! A whole inspection.

use std::time::{Duration, SystemTime};

use trunkline_lb::{ConnectivityState, PolicyNode};

#[cfg(feature = "serde")]
use crate::inspect::json;
use crate::inspect::parts::{
    CallsInspection, EndpointInspection, EventInspection, InspectionPage, ResolverInspection,
    ServiceConfigInspection,
};
use crate::inspect::subchannel::SubchannelInspection;
use crate::shared::ChannelId;

/// An inspection of a channel, for people and for tools: see
/// [`Channel::inspect`](crate::Channel::inspect).
///
/// With the feature `serde` it is JSON, and is read from it again. The names of the fields are those
/// here, except for durations, which end in `_ms` and are whole milliseconds. Later versions add
/// fields, and neither rename nor remove one.
///
/// Times are ages, measured by the clock of the channel's runtime, which never goes backwards: the
/// time of day can jump, and then the order of events would not be what happened. Only
/// [`taken_at`](Self::taken_at) is a time of day. An age that is subtracted from it gives that of each
/// event.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Inspection {
    /// The id of the channel, unique in its process. In JSON: a number.
    pub id: ChannelId,
    /// The target as the application gave it.
    pub target: String,
    /// The target with its scheme.
    pub canonical_target: String,
    /// The default `:authority` of calls.
    pub authority: String,
    /// The time of day of the inspection. In JSON: `taken_at_unix_ms`, in milliseconds since the start
    /// of 1970 in UTC.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "taken_at_unix_ms", with = "json::unix_millis")
    )]
    pub taken_at: SystemTime,
    /// Where the channel is in its life.
    pub life: ChannelLife,
    /// The state. In JSON: `IDLE`, `CONNECTING`, `READY`, `TRANSIENT_FAILURE` or `SHUTDOWN`.
    pub state: ConnectivityState,
    /// The time since it has that state; `None` for a channel that was never used. In JSON:
    /// `state_age_ms`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "state_age_ms", with = "json::millis_option", default)
    )]
    pub state_age: Option<Duration>,
    /// The resolver.
    pub resolver: ResolverInspection,
    /// The service config in force; `None` once the channel is closed.
    pub service_config: Option<ServiceConfigInspection>,
    /// The tree of policies; `None` while the channel has none, or where it is not asked for. It has up to
    /// 10,000 entries of endpoints. The fact `endpoints_left_out` of a node is the number of those over
    /// that.
    pub policy: Option<PolicyNode>,
    /// The endpoints of the list in use, in the order of the resolver.
    pub endpoints: InspectionPage<EndpointInspection>,
    /// The subchannels, in the order of their indices.
    pub subchannels: InspectionPage<SubchannelInspection>,
    /// The number of calls.
    pub calls: CallsInspection,
    /// The last events, up to 100, the oldest first. Calls make no events.
    pub events: Vec<EventInspection>,
}

/// Where a channel is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ChannelLife {
    /// It was built, and never used. In JSON: `not_started`.
    NotStarted,
    /// It runs; it may be idle. In JSON: `running`.
    Running,
    /// It is being closed, and calls that have begun go on. In JSON: `closing`.
    Closing,
    /// It is closed. In JSON: `closed`.
    Closed,
}
