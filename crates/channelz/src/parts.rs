//! The subchannels and sockets of a channel.

use std::sync::Arc;

use trunkline_channel::ConnectionId;
use trunkline_connector::ConnectionInfo;
use trunkline_lb::{ConnectivityState, SubchannelId};

use crate::counters::MessageCounters;
use crate::table::SubchannelCounters;
use crate::trace::Trace;

/// A subchannel.
#[derive(Debug)]
pub(crate) struct Subchannel {
    pub(crate) key: SubchannelId,
    pub(crate) name: String,
    pub(crate) state: ConnectivityState,
    pub(crate) trace: Trace,
    pub(crate) counters: Arc<SubchannelCounters>,
    /// The ids of its sockets.
    pub(crate) sockets: Vec<(ConnectionId, i64)>,
    /// The number of events in the channel's trace that refer to it.
    pub(crate) mentions: usize,
}

/// A socket: a connection that takes calls.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    pub(crate) subchannel: SubchannelId,
    pub(crate) connection: ConnectionId,
    pub(crate) info: ConnectionInfo,
    pub(crate) messages: Arc<MessageCounters>,
}
