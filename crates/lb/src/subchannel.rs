//! Subchannels, as policies see them.

use std::fmt;

use trunkline_status::Status;

/// Identifies a subchannel of one channel.
///
/// An id is an index, which is used again after the subchannel is removed, and a generation, which
/// is not. So a late event of a removed subchannel cannot be taken for one of its successor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubchannelId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl SubchannelId {
    /// Returns the index of the subchannel in a table of the channel's subchannels. Free indices
    /// are used again before the table grows.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
}

impl fmt::Debug for SubchannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

/// The state of a subchannel, as its policy is notified of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubchannelState {
    /// Not connected; connects when the policy requests it ([`Control::connect`](crate::Control)).
    /// A new subchannel is idle, and so is one that lost its connection or whose back-off is over.
    Idle,
    /// A connection attempt is in progress.
    Connecting,
    /// Connected: the SETTINGS frame of the server has arrived.
    Ready,
    /// The attempt failed, and the back-off has not ended.
    TransientFailure(Status),
}
