//! The log lines of a channel.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use trunkline_lb::{ConnectivityState, SubchannelId};

use super::budget::{LineBudget, Room, WINDOW};
use super::repeats::{LONGEST_TEXT, Repeats};
use crate::core::event::ChannelEvent;
use crate::core::event_text::EventLevel;
use crate::observer::recent::cut_text;
use crate::shared::ChannelId;

/// Writes the log lines of one channel.
#[derive(Debug)]
pub(super) struct Lines {
    id: ChannelId,
    /// The canonical target.
    target: Arc<str>,
    repeats: Repeats,
    /// Of the lines about single backends.
    budget: LineBudget,
}

/// The text of a line: that of the event, the reason of a failing channel, and a remark where lines are
/// left out.
struct Text<'a> {
    event: &'a ChannelEvent,
    reason: Option<&'a str>,
    is_last: bool,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cut_text(self.event, LONGEST_TEXT))?;
        if let Some(reason) = self.reason {
            write!(f, "; the last failure: {reason}")?;
        }
        if self.is_last {
            write!(
                f,
                "; more lines about single backends within {WINDOW:?} are at the level DEBUG"
            )?;
        }
        Ok(())
    }
}

/// Writes a line at `$level`, to the target of `$event`.
macro_rules! line {
    ($level:ident, $lines:expr, $event:expr, $text:expr) => {
        match $event {
            ChannelEvent::Endpoints(_)
            | ChannelEvent::ResolverError(_)
            | ChannelEvent::ResolverWaiting { .. }
            | ChannelEvent::ResolutionAccepted { .. }
            | ChannelEvent::Resolver(_) => {
                line!(@ $level, "trunkline::resolver", $lines, $event, $text)
            }
            ChannelEvent::Policy { .. }
            | ChannelEvent::Health { .. }
            | ChannelEvent::LoadReportsUnsupported { .. }
            | ChannelEvent::Ejection { .. }
            | ChannelEvent::Weights(_) => {
                line!(@ $level, "trunkline::policy", $lines, $event, $text)
            }
            ChannelEvent::Config { .. }
            | ChannelEvent::ConfigIgnored(_)
            | ChannelEvent::IdleEntered
            | ChannelEvent::IdleLeft
            | ChannelEvent::State(_)
            | ChannelEvent::KeepaliveRaised { .. } => {
                line!(@ $level, "trunkline::channel", $lines, $event, $text)
            }
            _ => line!(@ $level, "trunkline::connection", $lines, $event, $text),
        }
    };
    (@ $level:ident, $target:literal, $lines:expr, $event:expr, $text:expr) => {
        tracing::$level!(
            target: $target,
            {
                channel.id = $lines.id.get(),
                channel.target = &*$lines.target,
                event = $event.name(),
                subchannel = subchannel_of($event).map(tracing::field::debug),
            },
            "{}",
            $text
        )
    };
}

impl Lines {
    pub(super) fn new(id: ChannelId, target: Arc<str>) -> Self {
        Self {
            id,
            target,
            repeats: Repeats::default(),
            budget: LineBudget::default(),
        }
    }

    /// Writes the line of an event.
    pub(super) fn write(&mut self, event: &ChannelEvent, at: Instant) {
        let mut level = level_of(event);
        if self.repeats.is_repeated(event) {
            level = EventLevel::Debug;
        } else if self.repeats.take_recovery(event) {
            level = EventLevel::Info;
        }
        let mut is_last = false;
        if level > EventLevel::Debug && is_of_backend(event) {
            match self.budget.take(at) {
                Room::Some => {}
                Room::Last => is_last = true,
                Room::None => level = EventLevel::Debug,
            }
        }
        let reason = match event {
            ChannelEvent::State(state) => self.repeats.reason_of(*state),
            _ => None,
        };
        let text = Text {
            event,
            reason,
            is_last,
        };
        match level {
            EventLevel::Warn => line!(warn, self, event, text),
            EventLevel::Info => line!(info, self, event, text),
            EventLevel::Debug => line!(debug, self, event, text),
        }
    }
}

/// Returns true for an event about a single backend.
fn is_of_backend(event: &ChannelEvent) -> bool {
    matches!(event, ChannelEvent::Ejection { .. }) || subchannel_of(event).is_some()
}

fn level_of(event: &ChannelEvent) -> EventLevel {
    match event {
        ChannelEvent::State(ConnectivityState::TransientFailure) => EventLevel::Warn,
        _ => event.level(),
    }
}

/// Returns the subchannel of an event about one.
fn subchannel_of(event: &ChannelEvent) -> Option<SubchannelId> {
    match event {
        ChannelEvent::SubchannelCreated { id, .. }
        | ChannelEvent::ConnectStarted { id, .. }
        | ChannelEvent::ConnectCancelled { id, .. }
        | ChannelEvent::ConnectionScaling { id, .. }
        | ChannelEvent::ConnectFailed { id, .. }
        | ChannelEvent::Connected { id, .. }
        | ChannelEvent::ServerNameIgnored { id, .. }
        | ChannelEvent::Subchannel { id, .. }
        | ChannelEvent::Health { id, .. }
        | ChannelEvent::LoadReportsUnsupported { id, .. }
        | ChannelEvent::SubchannelRemoved { id, .. }
        | ChannelEvent::Lost { id, .. } => Some(*id),
        _ => None,
    }
}
