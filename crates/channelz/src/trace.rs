//! The recent events of a channel or of a subchannel.

use std::collections::VecDeque;
use std::time::Instant;

use crate::proto::channel_trace_event::Severity;

/// The most bytes of the text of one event. Texts have parts that peers send.
const TEXT_LIMIT: usize = 256;

/// The end of a text that was cut.
const DOTS: &str = "...";

/// The last events of a channel or of a subchannel, up to a limit.
///
/// Source: [gRFC A3](https://github.com/grpc/proposal/blob/master/A3-channel-tracing.md).
#[derive(Debug)]
pub(crate) struct Trace {
    created: Instant,
    /// The number of events so far, with those that are not kept any more.
    logged: u64,
    /// The most events that are kept.
    limit: usize,
    /// The oldest first.
    events: VecDeque<TraceEvent>,
}

/// One event.
#[derive(Debug)]
pub(crate) struct TraceEvent {
    pub(crate) severity: Severity,
    pub(crate) text: Box<str>,
    pub(crate) at: Instant,
    /// The id of the subchannel that the event is about, in the trace of a channel.
    pub(crate) child: Option<i64>,
}

impl TraceEvent {
    /// Returns an event. A long text is cut.
    pub(crate) fn new(severity: Severity, mut text: String, at: Instant) -> Self {
        if text.len() > TEXT_LIMIT {
            let mut end = TEXT_LIMIT - DOTS.len();
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            text.push_str(DOTS);
        }
        Self {
            severity,
            text: text.into(),
            at,
            child: None,
        }
    }

    /// Sets the subchannel that the event is about.
    pub(crate) fn about(mut self, child: i64) -> Self {
        self.child = Some(child);
        self
    }
}

impl Trace {
    pub(crate) fn new(limit: usize, created: Instant) -> Self {
        Self {
            created,
            logged: 0,
            limit,
            events: VecDeque::new(),
        }
    }

    /// Adds an event. Returns the event that is not kept for it: the oldest one, or the new one where
    /// no event is kept.
    pub(crate) fn push(&mut self, event: TraceEvent) -> Option<TraceEvent> {
        self.logged += 1;
        self.events.push_back(event);
        if self.events.len() > self.limit {
            return self.events.pop_front();
        }
        None
    }

    pub(crate) fn created(&self) -> Instant {
        self.created
    }

    pub(crate) fn logged(&self) -> u64 {
        self.logged
    }

    /// Iterates over the events that are kept, the oldest first.
    pub(crate) fn events(&self) -> impl Iterator<Item = &TraceEvent> {
        self.events.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that is too long is cut between two characters, and ends with dots.
    #[test]
    fn long_texts() {
        let sim = trunkline_sim::Sim::new(1);
        let now = sim.runtime().now();
        let text = |text: String| TraceEvent::new(Severity::CtInfo, text, now).text;
        assert_eq!(*text("a".repeat(256)), *"a".repeat(256));
        assert_eq!(*text("a".repeat(257)), *("a".repeat(253) + "..."));
        // The cut would be within the last of these characters, of two bytes each.
        assert_eq!(*text("é".repeat(200)), *("é".repeat(126) + "..."));
    }

    /// The oldest event makes room for the new one, and all are counted.
    #[test]
    fn the_limit() {
        let sim = trunkline_sim::Sim::new(1);
        let now = sim.runtime().now();
        let event = |child| TraceEvent::new(Severity::CtInfo, String::new(), now).about(child);
        let mut trace = Trace::new(2, now);
        let pushed = [1, 2, 3].map(|child| trace.push(event(child)).and_then(|old| old.child));
        assert_eq!(pushed, [None, None, Some(1)]);
        let kept: Vec<_> = trace.events().map(|event| event.child).collect();
        assert_eq!((kept, trace.logged()), (vec![Some(2), Some(3)], 3));
        let mut none = Trace::new(0, now);
        assert_eq!(none.push(event(4)).and_then(|old| old.child), Some(4));
        assert_eq!((none.events().count(), none.logged()), (0, 1));
    }
}
