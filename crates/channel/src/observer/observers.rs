//! All observers of one channel, and its last events.

use std::sync::Arc;
use std::time::Instant;

use crate::core::event::ChannelEvent;
use crate::observer::Observer;
use crate::observer::recent::RecentEvents;

/// The observers of one channel, in the order in which they were added, and its last events.
#[derive(Clone, Debug)]
pub(crate) struct Observers {
    list: Arc<[Arc<dyn Observer>]>,
    recent: Arc<RecentEvents>,
}

impl Observers {
    pub(crate) fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self {
            list: observers.into(),
            recent: Arc::default(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Observer> {
        self.list.iter().map(|observer| &**observer)
    }

    /// Returns the observer at this place.
    pub(crate) fn get(&self, at: usize) -> Option<&dyn Observer> {
        self.list.get(at).map(|observer| &**observer)
    }

    /// Returns the last events of the channel.
    pub(crate) fn recent(&self) -> &RecentEvents {
        &self.recent
    }

    /// Keeps an event of the channel among the last ones, and reports it to each observer.
    pub(crate) fn observe(&self, event: &ChannelEvent, at: Instant) {
        self.recent.push(event, at);
        for observer in self.iter() {
            observer.observe(event, at);
        }
    }
}
