//! The time that a server has to send a resource.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::core::resource_type::ResourceType;

/// The timers of the resources that one stream has asked for and not yet received.
///
/// Their time passes only while the stream is read, because what is not read may be the resource.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// The time for which the stream was read, up to the last pause.
    read: Duration,
    /// When the current time of reading began; `None` in a pause.
    reading_since: Option<Instant>,
    /// The deadlines, in time of reading.
    deadlines: BTreeSet<Timer>,
}

/// One timer: its deadline in time of reading, and the resource.
pub(super) type Timer = (Duration, ResourceType, Arc<str>);

impl Timers {
    /// Handles that the next message is read from now on.
    pub(super) fn resume(&mut self, now: Instant) {
        self.reading_since.get_or_insert(now);
    }

    /// Handles that reading stops.
    pub(super) fn pause(&mut self, now: Instant) {
        self.read = self.time(now);
        self.reading_since = None;
    }

    /// Starts the timer of a resource, and returns its deadline.
    pub(super) fn start(
        &mut self,
        kind: ResourceType,
        name: &Arc<str>,
        length: Duration,
        now: Instant,
    ) -> Duration {
        let deadline = self.time(now) + length;
        self.deadlines.insert((deadline, kind, Arc::clone(name)));
        deadline
    }

    /// Stops the timer of a resource that has this deadline.
    pub(super) fn stop(&mut self, deadline: Duration, kind: ResourceType, name: &str) {
        self.deadlines.remove(&(deadline, kind, name.into()));
    }

    /// Returns when the next timer ends; `None` without one, and while the stream is not read.
    pub(super) fn next(&self) -> Option<Instant> {
        let (deadline, ..) = self.deadlines.first()?;
        Some(self.reading_since? + deadline.saturating_sub(self.read))
    }

    /// Removes the timers that have ended, and returns their resources.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(ResourceType, Arc<str>)> {
        let mut expired = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let Some((_, kind, name)) = self.deadlines.pop_first() else {
                break;
            };
            expired.push((kind, name));
        }
        expired
    }

    /// Returns for how long the stream was read.
    fn time(&self, now: Instant) -> Duration {
        let current = self
            .reading_since
            .map(|since| now.saturating_duration_since(since));
        self.read + current.unwrap_or_default()
    }
}
