//! The way of a resolver's reports to the observers.

use std::sync::Arc;

use trunkline_resolver::{ResolverEvent, ResolverMetrics};
use trunkline_runtime::Runtime;

use crate::core::event::ChannelEvent;
use crate::observer::observers::Observers;

/// Passes what a resolver reports to the observers of its channel.
#[derive(Debug)]
pub(crate) struct ObserverMetrics {
    pub(crate) observers: Observers,
    pub(crate) runtime: Arc<dyn Runtime>,
}

impl ResolverMetrics for ObserverMetrics {
    fn record(&self, event: &ResolverEvent) {
        let event = ChannelEvent::Resolver(event.clone());
        self.observers.observe(&event, self.runtime.now());
    }
}
