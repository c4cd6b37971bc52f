//! Reports the lookups of a resolver to its channel.

use std::sync::Arc;
use std::time::Instant;

use crate::{LookupOutcome, ResolverEvent, ResolverMetrics};

/// Reports the start and the end of each lookup, for metrics.
#[derive(Debug)]
pub(super) struct LookupMeter {
    /// The name that is looked up.
    name: Arc<str>,
    /// `None` where nothing listens.
    metrics: Option<Arc<dyn ResolverMetrics>>,
    /// When the lookup that runs was started.
    started: Option<Instant>,
}

impl LookupMeter {
    pub(super) fn new(name: &str, metrics: Option<Arc<dyn ResolverMetrics>>) -> Self {
        Self {
            name: name.into(),
            metrics,
            started: None,
        }
    }

    /// Reports the start of a lookup.
    pub(super) fn start(&mut self, now: Instant) {
        self.started = Some(now);
        if let Some(metrics) = &self.metrics {
            metrics.record(&ResolverEvent::LookupStarted {
                name: Arc::clone(&self.name),
            });
        }
    }

    /// Reports the end of the lookup that runs; does nothing if none does.
    pub(super) fn end(&mut self, outcome: LookupOutcome, now: Instant) {
        if let Some(started) = self.started.take()
            && let Some(metrics) = &self.metrics
        {
            metrics.record(&ResolverEvent::LookupEnded {
                name: Arc::clone(&self.name),
                elapsed: now.saturating_duration_since(started),
                outcome,
            });
        }
    }
}
