//! One subchannel and its stage.

use std::time::Instant;

use http::uri::Authority;
use trunkline_backoff::{Backoff, BackoffPolicy};
use trunkline_endpoint::Address;
use trunkline_lb::{SubchannelId, SubchannelState};
use trunkline_status::Status;

use crate::core::failure::{ConnectPhase, ConnectionLost};

/// One address that the policy has a subchannel for.
#[derive(Debug)]
pub(crate) struct Subchannel {
    pub(crate) id: SubchannelId,
    pub(crate) address: Address,
    /// The address's own server name as an authority, where it has one.
    pub(crate) authority: Option<Authority>,
    pub(crate) backoff: Backoff,
    /// The earliest start of the next attempt, after a connection that was lost unused.
    pub(crate) not_before: Option<Instant>,
    /// The loss of the last connection.
    pub(crate) last_lost: Option<ConnectionLost>,
    /// Written by [`Subchannels::transition`](crate::core::subchannels::Subchannels::transition)
    /// alone.
    pub(in crate::core) stage: Stage,
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
    /// There is a connection. If its attempt had failed, the next could have started at `retry_at`.
    /// The time is kept because it also bounds the attempt after a connection that is lost unused.
    Ready {
        retry_at: Instant,
    },
    /// The last attempt failed.
    BackingOff {
        until: Instant,
        error: Status,
    },
}

impl Stage {
    /// Returns when the wait ends, if this stage is a wait.
    pub(crate) fn wait_until(&self) -> Option<Instant> {
        match self {
            Self::HeldBack { until } | Self::BackingOff { until, .. } => Some(*until),
            Self::Idle | Self::Connecting { .. } | Self::Ready { .. } => None,
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
    ) -> Self {
        let authority = address.server_name().and_then(|name| name.parse().ok());
        Self {
            id,
            address,
            authority,
            backoff: Backoff::new(policy, seed),
            not_before: None,
            last_lost: None,
            stage: Stage::Idle,
        }
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }
}
