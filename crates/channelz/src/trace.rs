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
