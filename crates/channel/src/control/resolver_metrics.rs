//! The way of a resolver's reports to the observer.

use std::sync::Arc;

use trunkline_resolver::{ResolverEvent, ResolverMetrics};
use trunkline_runtime::Runtime;

use crate::core::event::ChannelEvent;
use crate::observer::Observer;

/// Passes what a resolver reports to the observer of its channel.
#[derive(Debug)]
pub(crate) struct ObserverMetrics {
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) runtime: Arc<dyn Runtime>,
}

impl ResolverMetrics for ObserverMetrics {
    fn record(&self, event: &ResolverEvent) {
        let event = ChannelEvent::Resolver(event.clone());
        self.observer.observe(&event, self.runtime.now());
    }
}
