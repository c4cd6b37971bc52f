//! A handle that does not keep its channel.

use std::fmt;
use std::sync::Weak;

use crate::channel::Channel;
use crate::handle::Handle;
use crate::shared::ChannelId;

/// A handle of a channel that does not keep it: the channel ends although the handle is there.
#[derive(Clone)]
pub struct WeakChannel {
    id: ChannelId,
    handle: Weak<Handle>,
}

impl WeakChannel {
    pub(crate) fn new(channel: &Channel) -> Self {
        Self {
            id: channel.id(),
            handle: channel.weak_handle(),
        }
    }

    /// Returns the id of the channel.
    #[must_use]
    pub fn id(&self) -> ChannelId {
        self.id
    }

    /// Returns the channel; `None` once its last clone was dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<Channel> {
        self.handle.upgrade().map(Channel::from_handle)
    }
}

impl Channel {
    /// Returns a handle that does not keep the channel.
    #[must_use]
    pub fn downgrade(&self) -> WeakChannel {
        WeakChannel::new(self)
    }
}

impl fmt::Debug for WeakChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakChannel")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
