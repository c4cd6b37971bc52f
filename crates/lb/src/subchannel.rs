//! Subchannels, as policies see them.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use trunkline_status::Status;

/// Identifies a subchannel of one channel.
///
/// An id is an index, which is used again after the subchannel is removed, and a generation, which
/// is not. So a late event of a removed subchannel cannot be taken for one of its successor.
///
/// Policies that connect to one address share a subchannel, and each has an id of its own for it. Observers,
/// channelz and inspections have the id of the subchannel itself. Both may differ for the same subchannel, also
/// after the last other policy is gone: never compare the one with the other.
///
/// # Examples
///
/// ```
/// use trunkline_lb::SubchannelId;
///
/// let id: SubchannelId = "#3.1".parse().expect("an index and a generation");
/// assert_eq!(id.index(), 3);
/// assert_eq!(id.to_string(), "#3.1");
/// assert!("3".parse::<SubchannelId>().is_err());
/// ```
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

/// Prints the index and the generation: `#3.0`.
impl fmt::Display for SubchannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Parses what `Display` prints.
impl FromStr for SubchannelId {
    type Err = ParseSubchannelIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.strip_prefix('#').and_then(|id| id.split_once('.'));
        let parsed = parts.and_then(|(index, generation)| {
            Some(Self {
                index: index.parse().ok()?,
                generation: generation.parse().ok()?,
            })
        });
        parsed.ok_or(ParseSubchannelIdError(()))
    }
}

/// The error of a text that is no [`SubchannelId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseSubchannelIdError(());

impl fmt::Display for ParseSubchannelIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the id of a subchannel, such as `#3.0`")
    }
}

impl Error for ParseSubchannelIdError {}

/// The state of a subchannel, as its policy is notified of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubchannelState {
    /// Not connected; connects when the policy requests it ([`Control::connect`](crate::Control)).
    /// A new subchannel is idle, and so is one that lost its connection or whose back-off is over. Attempts
    /// that only other policies have requested leave it idle.
    Idle,
    /// A connection attempt is in progress.
    Connecting,
    /// Connected: the SETTINGS frame of the server has arrived. An idle subchannel can become ready
    /// without a request of its policy, where another policy of the channel connects to the address.
    Ready,
    /// The attempt failed, and the back-off has not ended.
    TransientFailure(Status),
}
