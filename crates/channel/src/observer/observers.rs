//! All observers of one channel, and its last events.

use std::sync::Arc;
use std::time::Instant;

use crate::core::event::ChannelEvent;
use crate::observer::recent::RecentEvents;
use crate::observer::{Interests, Observer};

/// The observers of one channel, in the order in which they were added, and its last events.
#[derive(Clone, Debug)]
pub(crate) struct Observers {
    list: Arc<[Arc<dyn Observer>]>,
    of_calls: Arc<[CallObserver]>,
    recent: Arc<RecentEvents>,
}

/// An observer that wants facts of calls.
#[derive(Clone, Debug)]
pub(crate) struct CallObserver {
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) wants: Interests,
}

impl Observers {
    pub(crate) fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        let of_calls = observers.iter().map(|observer| CallObserver {
            observer: Arc::clone(observer),
            wants: observer.interests(),
        });
        let of_calls = of_calls.filter(|own| own.wants != Interests::NONE);
        Self {
            of_calls: of_calls.collect(),
            list: observers.into(),
            recent: Arc::new(RecentEvents::new()),
        }
    }

    /// Returns those that want facts of calls.
    pub(crate) fn of_calls(&self) -> &[CallObserver] {
        &self.of_calls
    }

    /// Returns the last events of the channel.
    pub(crate) fn recent(&self) -> &RecentEvents {
        &self.recent
    }

    /// Keeps an event of the channel among the last ones, and reports it to each observer.
    pub(crate) fn observe(&self, event: &ChannelEvent, at: Instant) {
        self.recent.push(event, at);
        for observer in &*self.list {
            observer.observe(event, at);
        }
    }
}
