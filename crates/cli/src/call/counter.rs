//! Counts the calls that a server answered and the attempts of all calls, and keeps the warnings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline::service_config::IgnoredPart;
use trunkline::{CallEnded, ChannelEvent, Interests, Observer};
use trunkline_runtime::Lock;

use crate::event::Tracer;

/// Counts calls when they end.
#[derive(Clone, Debug)]
pub(super) struct CallCounter {
    counts: Arc<Lock<CallCounts>>,
    tracer: Tracer,
}

/// What a [`CallCounter`] has counted.
#[derive(Clone, Debug, Default)]
pub(super) struct CallCounts {
    /// The calls that a server answered with a status of its own, also one that is not OK. A status that
    /// the client made, such as for a connection that is lost, is not counted.
    pub(super) answered: u64,
    /// The calls by the number of attempts that they took; 0 for those that were never sent.
    pub(super) attempts: BTreeMap<u32, u64>,
    /// The parts of the service config in force that have no effect.
    pub(super) ignored: Arc<[IgnoredPart]>,
}

impl CallCounter {
    pub(super) fn new(tracer: Tracer) -> Self {
        Self {
            counts: Arc::default(),
            tracer,
        }
    }

    pub(super) fn counts(&self) -> CallCounts {
        self.counts.lock().clone()
    }
}

impl Observer for CallCounter {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        self.tracer.observe(event, at);
        match event {
            // If the config has ignored parts, their event follows.
            ChannelEvent::Config { .. } => self.counts.lock().ignored = Arc::default(),
            ChannelEvent::ConfigIgnored(parts) => self.counts.lock().ignored = Arc::clone(parts),
            _ => {}
        }
    }

    fn interests(&self) -> Interests {
        Interests::NONE.with_call_ended(true)
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let mut counts = self.counts.lock();
        counts.answered += u64::from(call.has_status);
        *counts.attempts.entry(call.attempts).or_default() += 1;
    }
}
