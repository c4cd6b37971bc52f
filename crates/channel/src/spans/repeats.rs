//! Which events repeat what is known.

use std::collections::HashSet;
use std::sync::Arc;

use trunkline_endpoint::Endpoint;
use trunkline_lb::{ConnectivityState, SubchannelId};

use crate::core::event::ChannelEvent;
use crate::core::event_text::EventLevel;
use crate::observer::recent::cut_text;

/// The longest text of an event in a line, in bytes. A longer one is cut: resolvers and servers choose
/// parts of it.
pub(super) const LONGEST_TEXT: usize = 1024;

/// Remembers what the last lines report: a failure that lasts is written once, and then as a detail.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    endpoints: Option<Arc<[Endpoint]>>,
    /// The text of the resolver's failure, until it has a list.
    resolver_error: Option<String>,
    /// What the resolver waited for when that was written last.
    resolver_waits: Option<String>,
    /// The subchannels whose last attempt failed.
    failing: HashSet<SubchannelId>,
    /// The subchannels that a warning was about, and that have not connected since.
    warned: HashSet<SubchannelId>,
    /// The last failure of the resolver or of a backend, since a connection was there.
    last_failure: Option<String>,
}

impl Repeats {
    /// Handles an event, and returns whether it only repeats what is known.
    pub(super) fn is_repeated(&mut self, event: &ChannelEvent) -> bool {
        match event {
            ChannelEvent::Endpoints(endpoints) => {
                let was_failing = self.resolver_error.take().is_some();
                // A wait after this list is another one.
                self.resolver_waits = None;
                let old = self.endpoints.replace(Arc::clone(endpoints));
                !was_failing && old.is_some_and(|old| old == *endpoints)
            }
            ChannelEvent::ResolverError(error) => {
                let text = cut_text(error, LONGEST_TEXT);
                self.last_failure = Some(text.clone());
                let old = self.resolver_error.replace(text);
                old == self.resolver_error
            }
            ChannelEvent::ResolverWaiting { waits, .. } => {
                let text = waits.as_deref().map(|waits| cut_text(&waits, LONGEST_TEXT));
                let text = text.unwrap_or_default();
                let is_same = self.resolver_waits.as_ref() == Some(&text);
                self.resolver_waits = Some(text);
                // The error is known, and the next one follows.
                is_same || self.resolver_error.is_some()
            }
            ChannelEvent::ConnectFailed { id, .. } => {
                self.last_failure = Some(cut_text(event, LONGEST_TEXT));
                self.warned.insert(*id);
                !self.failing.insert(*id)
            }
            ChannelEvent::Connected { id, .. } => {
                self.failing.remove(id);
                self.last_failure = None;
                false
            }
            ChannelEvent::Lost { id, .. } => {
                self.last_failure = Some(cut_text(event, LONGEST_TEXT));
                if event.level() == EventLevel::Warn {
                    self.warned.insert(*id);
                }
                false
            }
            ChannelEvent::SubchannelRemoved { id, .. } => {
                self.failing.remove(id);
                self.warned.remove(id);
                false
            }
            _ => false,
        }
    }

    /// Returns whether an event ends what a warning was about: the backend is connected again.
    pub(super) fn take_recovery(&mut self, event: &ChannelEvent) -> bool {
        matches!(event, ChannelEvent::Connected { id, .. } if self.warned.remove(id))
    }

    /// Returns what explains a failing channel: the last failure of its resolver or of a backend.
    pub(super) fn reason_of(&self, state: ConnectivityState) -> Option<&str> {
        let is_failing = state == ConnectivityState::TransientFailure;
        self.last_failure.as_deref().filter(|_| is_failing)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A wait that follows a list is written, also if it is for the same resource as the one before that list.
    #[test]
    fn each_wait_is_written() {
        let waiting = ChannelEvent::ResolverWaiting {
            waits: Some(Arc::from("cluster \"a\"")),
            waited: Duration::from_secs(2),
            has_list: true,
        };
        let list = ChannelEvent::Endpoints(Arc::from([]));
        let mut repeats = Repeats::default();
        let events = [&waiting, &waiting, &list, &waiting];
        let repeated = events.map(|event| repeats.is_repeated(event));
        assert_eq!(repeated, [false, true, false, false]);
    }
}
