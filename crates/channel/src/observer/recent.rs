//! The last events of a channel.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use trunkline_runtime::Lock;

use crate::core::event::ChannelEvent;
use crate::core::event_text::EventLevel;

/// The most events that are kept.
pub(crate) const MOST_EVENTS: usize = 100;

/// The room for events that a channel has from the start. Its first connection and its first call take
/// 11.
const FIRST_EVENTS: usize = 16;

/// The longest text of an event, in bytes. A longer one is cut.
const LONGEST_TEXT: usize = 1024;

/// The room for a text that most texts need no more of, in bytes.
const USUAL_TEXT: usize = 128;

/// The last events of a channel, for inspections of it.
///
/// An event is kept in the list itself, and becomes text when it is asked for. Those that can hold much
/// memory, such as a list of endpoints, or what a resolver or a server has written, are kept as text.
#[derive(Debug)]
pub(crate) struct RecentEvents(Lock<VecDeque<RecentEvent>>);

/// One of the last events.
#[derive(Clone, Debug)]
pub(crate) struct RecentEvent {
    pub(crate) at: Instant,
    what: Kept,
}

/// What is kept of an event.
#[derive(Clone, Debug)]
enum Kept {
    Event(ChannelEvent),
    Text {
        name: &'static str,
        level: EventLevel,
        text: Box<str>,
    },
}

impl RecentEvents {
    pub(crate) fn new() -> Self {
        Self(Lock::new(VecDeque::with_capacity(FIRST_EVENTS)))
    }

    /// Adds an event, and drops the oldest one when there are more than [`MOST_EVENTS`].
    ///
    /// [`ChannelEvent::Weights`] is left out: it comes every second, and would leave no room for others. The
    /// weights are in the tree of policies.
    pub(crate) fn push(&self, event: &ChannelEvent, at: Instant) {
        if let ChannelEvent::Weights(_) = event {
            return;
        }
        let event = RecentEvent {
            at,
            what: Kept::new(event),
        };
        let mut events = self.0.lock();
        let oldest = (events.len() >= MOST_EVENTS).then(|| events.pop_front());
        events.push_back(event);
        drop(events);
        // Freed without the lock.
        drop(oldest);
    }

    /// Returns the last events, at most `most`, the oldest first.
    pub(crate) fn last(&self, most: usize) -> Vec<RecentEvent> {
        let events = self.0.lock();
        let skipped = events.len().saturating_sub(most);
        events.iter().skip(skipped).cloned().collect()
    }

    /// Returns when the state of the channel changed last; `None` if no such event is kept.
    pub(crate) fn last_change_of_state(&self) -> Option<Instant> {
        let events = self.0.lock();
        let mut changes = events.iter().rev().filter(|event| event.is_state());
        changes.next().map(|event| event.at)
    }
}

impl RecentEvent {
    /// Returns true for a change of the channel's state.
    fn is_state(&self) -> bool {
        match &self.what {
            Kept::Event(event) => matches!(event, ChannelEvent::State(_)),
            Kept::Text { .. } => false,
        }
    }

    /// Returns the name of the event, its level and its text.
    pub(crate) fn describe(&self) -> (&'static str, EventLevel, String) {
        match &self.what {
            Kept::Event(event) => (event.name(), event.level(), cut_text(event, LONGEST_TEXT)),
            Kept::Text { name, level, text } => (name, *level, text.to_string()),
        }
    }
}

impl Kept {
    fn new(event: &ChannelEvent) -> Self {
        match event {
            ChannelEvent::Endpoints(_)
            | ChannelEvent::Config { .. }
            | ChannelEvent::ConfigIgnored(_)
            | ChannelEvent::ResolverError(_)
            | ChannelEvent::ResolverWaiting { .. }
            | ChannelEvent::Ejection { .. }
            | ChannelEvent::Health { .. }
            | ChannelEvent::LoadReportsUnsupported { .. } => Self::Text {
                name: event.name(),
                level: event.level(),
                text: cut_text(event, LONGEST_TEXT).into_boxed_str(),
            },
            ChannelEvent::Connected { .. } => {
                let mut event = event.clone();
                if let ChannelEvent::Connected { info, .. } = &mut event {
                    info.peer_certificates = Arc::default();
                    info.authority_validator = None;
                }
                Self::Event(event)
            }
            _ => Self::Event(event.clone()),
        }
    }
}

/// Returns what a value prints, cut to `most` bytes. No more than that is made.
pub(crate) fn cut_text(value: &impl fmt::Display, most: usize) -> String {
    let mut cut = CutText {
        text: String::with_capacity(most.min(USUAL_TEXT)),
        most,
    };
    // The error is the end of the room.
    let _ = write!(cut, "{value}");
    cut.text
}

/// A text with little room: what does not fit is left out.
struct CutText {
    text: String,
    most: usize,
}

impl Write for CutText {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = self.most - self.text.len();
        if more.len() <= room {
            self.text.push_str(more);
            return Ok(());
        }
        let mut end = room;
        while !more.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&more[..end]);
        Err(fmt::Error)
    }
}
