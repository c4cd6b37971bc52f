//! One subchannel and its stage.

use std::sync::Arc;
use std::time::Instant;

use http::uri::Authority;
use trunkline_backoff::{Backoff, BackoffPolicy};
use trunkline_endpoint::{Address, ShortList};
use trunkline_lb::{SubchannelId, SubchannelState};
use trunkline_status::Status;

use crate::core::connections::ConnectionId;
use crate::core::failure::{ConnectFailure, ConnectPhase, ConnectionLost};
use crate::core::holds::Hold;

/// One address that a policy has a subchannel for, or several policies.
#[derive(Debug)]
pub(crate) struct Subchannel {
    pub(crate) id: SubchannelId,
    pub(crate) address: Address,
    /// The address's own server name as an authority, where it has one.
    pub(crate) authority: Option<Authority>,
    pub(crate) backoff: Backoff,
    /// The earliest start of the next attempt, after a connection that was lost unused.
    pub(crate) not_before: Option<Instant>,
    /// The connection that the last attempt was to make.
    pub(crate) last_attempt: Option<ConnectionId>,
    /// The loss of the last connection.
    pub(crate) last_loss: Option<Arc<LastLoss>>,
    /// The last attempt that failed.
    pub(crate) last_failure: Option<Arc<LastFailure>>,
    /// The number of attempts so far.
    pub(crate) attempts_started: u64,
    /// The number of attempts that have failed.
    pub(crate) attempts_failed: u64,
    /// What policies have of it, the oldest first. Empty only while actions are carried out.
    pub(crate) holds: ShortList<Hold>,
    /// Written by [`Subchannels::transition`](crate::core::subchannels::Subchannels::transition)
    /// alone.
    pub(in crate::core) stage: Stage,
    /// When the kind of the stage changed last. Written together with it.
    pub(in crate::core) stage_since: Instant,
}

/// The loss of a connection.
#[derive(Clone, Debug)]
pub(crate) struct LastLoss {
    pub(crate) connection: ConnectionId,
    pub(crate) why: ConnectionLost,
    pub(crate) at: Instant,
}

/// An attempt that failed.
#[derive(Clone, Debug)]
pub(crate) struct LastFailure {
    /// The connection that it was to make.
    pub(crate) connection: ConnectionId,
    pub(crate) failure: ConnectFailure,
    pub(crate) at: Instant,
}

/// What a subchannel is doing: finer than the [`SubchannelState`] that its policy sees.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    Idle,
    /// The policy asked for a connection. The attempt starts at `until`, because the last
    /// connection was lost before it answered a call.
    HeldBack {
        until: Instant,
    },
    /// An attempt runs. If it fails, the next may start at `retry_at`.
    Connecting {
        retry_at: Instant,
        phase: ConnectPhase,
    },
    /// There is a connection, or several.
    Ready {
        growth: Growth,
    },
    /// The last attempt failed.
    BackingOff {
        until: Instant,
        error: Status,
    },
}

/// What a READY subchannel does about one more connection.
///
/// Source: gRFC A105.
#[derive(Clone, Debug)]
pub(crate) enum Growth {
    /// Nothing. An attempt may start.
    Resting,
    /// An attempt runs. If it fails, the next may start at `retry_at`.
    Connecting {
        retry_at: Instant,
        phase: ConnectPhase,
    },
    /// No attempt starts before `until`: the last one failed with `error`; or, without an error, a
    /// connection was lost before it answered a call.
    Waiting {
        until: Instant,
        error: Option<Status>,
    },
}

impl Growth {
    /// Returns the stage of a subchannel whose last connection is lost.
    ///
    /// Source: gRFC A105: the state is the first that matches of CONNECTING while an attempt runs,
    /// TRANSIENT_FAILURE during a back-off, and IDLE.
    pub(crate) fn into_stage(self) -> Stage {
        match self {
            Self::Connecting { retry_at, phase } => Stage::Connecting { retry_at, phase },
            Self::Waiting {
                until,
                error: Some(error),
            } => Stage::BackingOff { until, error },
            Self::Resting | Self::Waiting { error: None, .. } => Stage::Idle,
        }
    }
}

impl Stage {
    /// Returns when the wait ends, if this stage is a wait.
    pub(crate) fn wait_until(&self) -> Option<Instant> {
        match self {
            Self::HeldBack { until }
            | Self::BackingOff { until, .. }
            | Self::Ready {
                growth: Growth::Waiting { until, .. },
            } => Some(*until),
            Self::Idle | Self::Connecting { .. } | Self::Ready { .. } => None,
        }
    }

    /// Returns true if this stage is the wait after a failed attempt. The wait after the loss of an unused
    /// connection is none.
    pub(crate) fn is_back_off(&self) -> bool {
        matches!(
            self,
            Self::BackingOff { .. }
                | Self::Ready {
                    growth: Growth::Waiting { error: Some(_), .. },
                }
        )
    }

    /// Returns the earliest start of the attempt after the one that runs; `None` if none runs.
    pub(crate) fn retry_time_of_attempt(&self) -> Option<Instant> {
        match self {
            Self::Connecting { retry_at, .. }
            | Self::Ready {
                growth: Growth::Connecting { retry_at, .. },
            } => Some(*retry_at),
            _ => None,
        }
    }

    /// Returns this stage with another one for its attempt: `alone` if it has no connection, and READY
    /// with `growth` if it has one.
    pub(crate) fn with(&self, alone: Self, growth: Growth) -> Self {
        match self {
            Self::Ready { .. } => Self::Ready { growth },
            _ => alone,
        }
    }

    /// Returns true while calls may be waiting for this subchannel's connection.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self, Self::HeldBack { .. } | Self::Connecting { .. })
    }

    /// Returns the state that the policy sees.
    pub(crate) fn state(&self) -> SubchannelState {
        match self {
            Self::Idle => SubchannelState::Idle,
            Self::HeldBack { .. } | Self::Connecting { .. } => SubchannelState::Connecting,
            Self::Ready { .. } => SubchannelState::Ready,
            Self::BackingOff { error, .. } => SubchannelState::TransientFailure(error.clone()),
        }
    }
}

impl Subchannel {
    pub(crate) fn new(
        id: SubchannelId,
        address: Address,
        policy: BackoffPolicy,
        seed: u64,
        now: Instant,
    ) -> Self {
        let authority = address.server_name().and_then(|name| name.parse().ok());
        Self {
            id,
            address,
            authority,
            backoff: Backoff::new(policy, seed),
            not_before: None,
            last_attempt: None,
            last_loss: None,
            last_failure: None,
            attempts_started: 0,
            attempts_failed: 0,
            holds: ShortList::new(),
            stage: Stage::Idle,
            stage_since: now,
        }
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Returns how many connections it opens, where the channel opens `default`: the highest number that one of
    /// its policies permits.
    pub(crate) fn max_connections(&self, default: usize) -> usize {
        let own = self.holds.iter();
        let own = own.map(|hold| hold.max_connections.unwrap_or(default));
        own.max().unwrap_or(default)
    }
}
