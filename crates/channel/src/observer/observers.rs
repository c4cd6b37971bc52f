//! All observers of one channel.

use std::sync::Arc;
use std::time::Instant;

use crate::core::event::ChannelEvent;
use crate::observer::Observer;

/// The observers of one channel, in the order in which they were added.
#[derive(Clone, Debug)]
pub(crate) struct Observers(Arc<[Arc<dyn Observer>]>);

impl Observers {
    pub(crate) fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self(observers.into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Observer> {
        self.0.iter().map(|observer| &**observer)
    }

    /// Reports an event of the channel to each observer.
    pub(crate) fn observe(&self, event: &ChannelEvent, at: Instant) {
        for observer in self.iter() {
            observer.observe(event, at);
        }
    }
}
