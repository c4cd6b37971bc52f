//! The children that the configuration no longer names.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::{Endpoint, Location};

use crate::children::KEEP_UNUSED;

/// The most children that are kept, however often the configuration changes.
const MAX_CHILDREN: usize = 16;

/// The most endpoints that the kept children have together. Each of them can be a connection.
const MAX_ENDPOINTS: usize = 1_000;

/// The children that the configuration no longer names, which keep their connections for a while.
#[derive(Debug, Default)]
pub(super) struct Kept {
    children: BTreeMap<Arc<str>, KeptChild>,
}

#[derive(Debug)]
struct KeptChild {
    /// When the child is removed.
    until: Instant,
    /// The number of endpoints of its last list.
    endpoints: usize,
    /// The addresses of its last list.
    locations: Vec<Location>,
}

impl Kept {
    /// Adds a child that had these endpoints.
    pub(super) fn insert(&mut self, name: Arc<str>, endpoints: &[Endpoint], now: Instant) {
        let addresses = endpoints.iter().flat_map(Endpoint::addresses);
        let locations = addresses.map(|address| address.location().clone());
        let child = KeptChild {
            until: now + KEEP_UNUSED,
            endpoints: endpoints.len(),
            locations: locations.collect(),
        };
        self.children.insert(name, child);
    }

    /// Forgets a child that the configuration names again.
    pub(super) fn forget(&mut self, name: &str) {
        self.children.remove(name);
    }

    /// Removes and returns the children to end: those of which another child has an address now, so
    /// that no backend has two connections, and the oldest of too many. `lists` are those of the others.
    pub(super) fn take_replaced<'a>(
        &mut self,
        lists: impl Iterator<Item = &'a Arc<[Endpoint]>>,
    ) -> Vec<Arc<str>> {
        if self.children.is_empty() {
            return Vec::new();
        }
        let listed = lists
            .flat_map(|list| list.iter())
            .flat_map(Endpoint::addresses);
        let listed: HashSet<&Location> = listed.map(|address| address.location()).collect();
        let mut gone = self.take(|_, child| child.locations.iter().any(|at| listed.contains(at)));
        gone.append(&mut self.take_oldest());
        gone
    }

    /// Removes and returns the oldest of too many children.
    fn take_oldest(&mut self) -> Vec<Arc<str>> {
        let children = self.children.iter();
        let mut oldest: Vec<(Instant, Arc<str>)> = children
            .map(|(name, child)| (child.until, Arc::clone(name)))
            .collect();
        oldest.sort();
        let mut endpoints: usize = self.children.values().map(|child| child.endpoints).sum();
        let mut gone = Vec::new();
        for (_, name) in oldest {
            if self.children.len() <= MAX_CHILDREN && endpoints <= MAX_ENDPOINTS {
                break;
            }
            endpoints -= self
                .children
                .remove(&name)
                .map_or(0, |child| child.endpoints);
            gone.push(name);
        }
        gone
    }

    /// Removes and returns the children that are not ready.
    pub(super) fn take_lost(&mut self, is_ready: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        self.take(|name, _| !is_ready(name))
    }

    /// Removes and returns the children whose time is over.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Arc<str>> {
        self.take(|_, child| child.until <= now)
    }

    /// Returns when the next child is removed.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.children.values().map(|child| child.until).min()
    }

    /// Returns when the child is removed; `None` if the configuration names it.
    pub(super) fn until(&self, name: &str) -> Option<Instant> {
        Some(self.children.get(name)?.until)
    }

    fn take(&mut self, is_gone: impl Fn(&str, &KeptChild) -> bool) -> Vec<Arc<str>> {
        let mut gone = Vec::new();
        self.children.retain(|name, child| {
            let is_gone = is_gone(name, child);
            if is_gone {
                gone.push(Arc::clone(name));
            }
            !is_gone
        });
        gone
    }
}
