//! Events by the time at which they are due.

use std::collections::BTreeMap;
use std::time::Duration;

/// When an event is due, and its position among the events of the same instant.
pub(crate) type EventKey = (Duration, u64);

/// The events to come. Events of the same instant stay in the order of their scheduling.
pub(crate) struct Agenda<E> {
    events: BTreeMap<EventKey, E>,
    next: u64,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self {
            events: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<E> Agenda<E> {
    pub(crate) fn insert(&mut self, at: Duration, event: E) -> EventKey {
        let key = (at, self.next);
        self.next += 1;
        self.events.insert(key, event);
        key
    }

    pub(crate) fn remove(&mut self, key: EventKey) -> Option<E> {
        self.events.remove(&key)
    }

    /// Returns when the next event is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.events.first_key_value().map(|(key, _)| key.0)
    }

    pub(crate) fn pop(&mut self) -> Option<E> {
        self.events.pop_first().map(|(_, event)| event)
    }

    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = E> + use<E> {
        std::mem::take(&mut self.events).into_values()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Duration, &E)> {
        self.events.iter().map(|((at, _), event)| (*at, event))
    }
}
