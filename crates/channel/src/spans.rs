//! Spans and log lines by the crate `tracing` (the feature `tracing`).
//!
//! From the ground up: `budget`, how many lines about single backends are written; `repeats`, which
//! events repeat what is known; `lines`, the lines of a channel; `calls`, the spans of calls; and the
//! observer, which joins them.

mod budget;
mod repeats;

mod calls;
mod lines;

use std::sync::Arc;
use std::time::Instant;

use tracing::Level;
use trunkline_runtime::Lock;

use self::calls::CallSpans;
use self::lines::Lines;
use crate::core::event::ChannelEvent;
use crate::observer::{CallStarted, CallTrace, Interests, Observer};
use crate::shared::ChannelId;

/// Makes spans of the calls of one channel, and log lines of its events. Each channel has one where the
/// feature `tracing` is compiled in.
#[derive(Debug)]
pub(crate) struct TracingObserver {
    target: Arc<str>,
    lines: Lock<Lines>,
}

impl TracingObserver {
    /// Creates the observer of a channel with this canonical target.
    pub(crate) fn new(id: ChannelId, target: &str) -> Self {
        let target = Arc::<str>::from(target);
        Self {
            lines: Lock::new(Lines::new(id, Arc::clone(&target))),
            target,
        }
    }
}

impl Observer for TracingObserver {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        self.lines.lock().write(event, at);
    }

    fn interests(&self) -> Interests {
        Interests::NONE.with_traces(true)
    }

    /// Without a subscriber that wants spans of calls, this is a comparison with the highest level that
    /// is on.
    fn observes_calls(&self) -> bool {
        tracing::span_enabled!(target: "trunkline::call", Level::DEBUG)
    }

    fn trace_call(&self, call: &CallStarted<'_>) -> Option<Box<dyn CallTrace>> {
        Some(Box::new(CallSpans::start(call, &self.target)))
    }
}
