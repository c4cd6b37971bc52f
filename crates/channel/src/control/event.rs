//! The events that the control task receives.

use trunkline_connector::ConnectionInfo;
use trunkline_lb::{SubchannelId, WatchEvent, WatchId};
use trunkline_transport::Connection;

use crate::core::failure::{ConnectFailure, ConnectPhase, ConnectionLost};

/// An event that the control task receives.
#[derive(Debug)]
pub(crate) enum ControlEvent {
    /// Leave idleness.
    ExitIdle,
    /// Enter idleness.
    EnterIdle,
    /// End all back-offs.
    ResetBackoff,
    /// An attempt entered a phase.
    Progress {
        id: SubchannelId,
        phase: ConnectPhase,
    },
    /// An attempt succeeded.
    Connected {
        id: SubchannelId,
        connection: Connection,
        info: ConnectionInfo,
    },
    /// An attempt failed.
    Failed {
        id: SubchannelId,
        failure: ConnectFailure,
    },
    /// A connection takes no new calls any more.
    Lost {
        id: SubchannelId,
        why: ConnectionLost,
    },
    /// A watch received a message, or ended.
    Watched {
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
    },
    /// The last handle of the channel was dropped.
    Shutdown,
}
