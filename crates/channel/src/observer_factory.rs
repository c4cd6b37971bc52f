//! Observers that are made for each channel.

use std::fmt::Debug;
use std::sync::Arc;

use trunkline_runtime::Runtime;

use crate::observer::Observer;
use crate::shared::ChannelId;
use crate::weak::WeakChannel;

/// Makes the observers of channels: one for each channel that is built with it.
///
/// Source: [gRFC A79](https://github.com/grpc/proposal/blob/master/A79-non-per-call-metrics-architecture.md),
/// the scope of a stats plugin.
pub trait ObserverFactory: Debug + Send + Sync {
    /// Returns the observer of a channel that is being built; `None` to leave the channel out.
    fn observer_for(&self, channel: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>>;

    /// Handles the end of the building of a channel, before any event of it. The factory can keep a
    /// clone of the handle, which does not keep the channel.
    ///
    /// The default does nothing.
    fn channel_built(&self, channel: &WeakChannel) {
        let _ = channel;
    }
}

/// A channel that is being built.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChannelIdentity<'a> {
    /// The channel.
    pub id: ChannelId,
    /// The target as the application gave it.
    pub target: &'a str,
    /// The target with its scheme, as telemetry names it.
    pub canonical_target: &'a str,
    /// The default `:authority` of its calls.
    pub authority: &'a str,
    /// The runtime of the channel, with its clock and its time of day.
    pub runtime: &'a Arc<dyn Runtime>,
}

impl<T: ObserverFactory + ?Sized> ObserverFactory for Arc<T> {
    fn observer_for(&self, channel: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>> {
        (**self).observer_for(channel)
    }

    fn channel_built(&self, channel: &WeakChannel) {
        (**self).channel_built(channel);
    }
}
