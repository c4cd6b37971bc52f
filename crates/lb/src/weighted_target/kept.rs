//! The children that the configuration no longer names.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_endpoint::{Endpoint, Location};

/// How long a child that the configuration no longer names is kept (gRFC A28).
const KEEP: Duration = Duration::from_secs(15 * 60);

/// The most children that are kept, so that a configuration that changes all the time costs no more
/// connections than that.
const MAX_KEPT: usize = 16;

/// The children that the configuration no longer names, which keep their connections for a while.
#[derive(Debug, Default)]
pub(super) struct Kept {
    children: BTreeMap<Arc<str>, KeptChild>,
}

#[derive(Debug)]
struct KeptChild {
    /// When the child is removed.
    until: Instant,
    /// The addresses of its last list.
    locations: Vec<Location>,
}

impl Kept {
    /// Adds a child that had these endpoints.
    pub(super) fn insert(&mut self, name: Arc<str>, endpoints: &[Endpoint], now: Instant) {
        let addresses = endpoints.iter().flat_map(Endpoint::addresses);
        let locations = addresses.map(|address| address.location().clone());
        let child = KeptChild {
            until: now + KEEP,
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
        let mut gone = self.take(|child| child.locations.iter().any(|at| listed.contains(at)));
        while self.children.len() > MAX_KEPT {
            let oldest = self.children.iter().min_by_key(|(_, child)| child.until);
            let Some(name) = oldest.map(|(name, _)| Arc::clone(name)) else {
                break;
            };
            self.children.remove(&name);
            gone.push(name);
        }
        gone
    }

    /// Removes and returns the children whose time is over.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Arc<str>> {
        self.take(|child| child.until <= now)
    }

    /// Returns when the next child is removed.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.children.values().map(|child| child.until).min()
    }

    /// Returns when the child is removed; `None` if the configuration names it.
    pub(super) fn until(&self, name: &str) -> Option<Instant> {
        Some(self.children.get(name)?.until)
    }

    fn take(&mut self, is_gone: impl Fn(&KeptChild) -> bool) -> Vec<Arc<str>> {
        let mut gone = Vec::new();
        self.children.retain(|name, child| {
            let is_gone = is_gone(child);
            if is_gone {
                gone.push(Arc::clone(name));
            }
            !is_gone
        });
        gone
    }
}
