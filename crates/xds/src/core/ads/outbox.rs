//! The actions that the shell has not been given yet.

use std::collections::VecDeque;
use std::sync::Arc;

use super::credit::Credit;
use super::entry::Entry;
use super::event::AdsEvent;
use super::ids::{DeliveryId, LinkId, WatchId};
use super::output::{AdsOutput, Delivery, Update};
use crate::core::resource_type::ResourceType;

/// The actions that the shell has not been given yet, and the deliveries that watchers have not
/// taken.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<AdsOutput>,
    credit: Credit,
}

impl Outbox {
    /// Adds an action.
    pub(super) fn push(&mut self, output: AdsOutput) {
        self.queue.push_back(output);
    }

    /// Adds an event.
    pub(super) fn report(&mut self, event: AdsEvent) {
        self.push(AdsOutput::Event(event));
    }

    /// Adds an update for one watcher. A message of `cause` may have caused it.
    pub(super) fn deliver(
        &mut self,
        watch: WatchId,
        kind: ResourceType,
        name: &Arc<str>,
        update: Update,
        cause: Option<LinkId>,
    ) {
        let id = self.credit.deliver(watch, cause);
        self.push(AdsOutput::Deliver(Delivery {
            id,
            kind,
            name: Arc::clone(name),
            update,
        }));
    }

    /// Adds what the watchers of an entry do not know yet.
    pub(super) fn deliver_changes(
        &mut self,
        kind: ResourceType,
        entry: &mut Entry,
        cause: Option<LinkId>,
    ) {
        for update in entry.take_updates() {
            for (watch, name) in entry.watchers() {
                self.deliver(*watch, kind, name, update.clone(), cause);
            }
        }
    }

    /// Handles that a watcher has taken a delivery.
    pub(super) fn settle(&mut self, id: DeliveryId) {
        self.credit.settle(id);
    }

    /// Handles the end of a watch.
    pub(super) fn end_watch(&mut self, watch: WatchId) {
        self.credit.end_watch(watch);
    }

    /// Returns whether a link waits for its watchers.
    pub(super) fn holds(&self, link: LinkId) -> bool {
        self.credit.holds(link)
    }

    /// Returns the next action.
    pub(super) fn pop(&mut self) -> Option<AdsOutput> {
        self.queue.pop_front()
    }

    /// Returns whether there is no action.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
