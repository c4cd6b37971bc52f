//! The events that the control task receives.

use std::time::Instant;

use async_channel::Sender;
use trunkline_connector::ConnectionInfo;
use trunkline_lb::{SubchannelId, WatchEvent, WatchId};
use trunkline_transport::Connection;

use crate::control::closing::Closed;
use crate::core::address_fate::AddressFate;
use crate::core::connections::ConnectionId;
use crate::core::failure::{ConnectFailure, ConnectPhase, ConnectionLost};
use crate::inspect::facts::ChannelFacts;
use crate::inspect::options::InspectOptions;

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
        connection_id: ConnectionId,
        phase: ConnectPhase,
    },
    /// An attempt tried one of the addresses of a name.
    Tried {
        id: SubchannelId,
        connection_id: ConnectionId,
        fate: AddressFate,
    },
    /// An attempt succeeded.
    Connected {
        id: SubchannelId,
        connection_id: ConnectionId,
        connection: Connection,
        info: ConnectionInfo,
    },
    /// An attempt failed.
    Failed {
        id: SubchannelId,
        connection_id: ConnectionId,
        failure: ConnectFailure,
    },
    /// A connection takes no new calls any more.
    Lost {
        id: SubchannelId,
        connection_id: ConnectionId,
        why: ConnectionLost,
    },
    /// A call waits for a free stream on a subchannel that may have more connections.
    CallWaiting { id: SubchannelId },
    /// A watch received a message, or ended.
    Watched { watch: WatchId, event: WatchEvent },
    /// Collect what an inspection of the channel shows.
    Inspect {
        options: InspectOptions,
        /// Has room for the one answer.
        answer: Sender<ChannelFacts>,
    },
    /// Close the channel: calls may end until the deadline. `None` for no deadline.
    Close {
        deadline: Option<Instant>,
        done: Sender<Closed>,
    },
    /// The last handle of the channel was dropped.
    Shutdown,
}
