//! Counts the calls that a server answered and the attempts of all calls, and keeps the warnings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline::service_config::IgnoredPart;
use trunkline::{CallEnded, ChannelEvent, Observer};
use trunkline_runtime::Lock;

use crate::event::Tracer;

/// Counts calls when they end.
#[derive(Clone, Debug, Default)]
pub(super) struct CallCounter(Arc<Lock<CallCounts>>);

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
    pub(super) fn counts(&self) -> CallCounts {
        self.0.lock().clone()
    }
}

impl Observer for CallCounter {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        Tracer.observe(event, at);
        match event {
            // If the config has ignored parts, their event follows.
            ChannelEvent::Config(_) => self.0.lock().ignored = Arc::default(),
            ChannelEvent::ConfigIgnored(parts) => self.0.lock().ignored = Arc::clone(parts),
            _ => {}
        }
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let mut counts = self.0.lock();
        counts.answered += u64::from(call.has_status);
        *counts.attempts.entry(call.attempts).or_default() += 1;
    }
}
