//! When two endpoints are the same.

use std::collections::BTreeSet;

use trunkline_endpoint::{Endpoint, Location};

/// What makes an endpoint the same as another: a set of places, sorted.
pub(super) type Key = Vec<Location>;

/// The endpoints that have an address, each once: the first one of those that are the same.
pub(super) fn distinct(endpoints: &[Endpoint]) -> Vec<(Key, &Endpoint)> {
    let mut seen = BTreeSet::new();
    endpoints
        .iter()
        .map(|endpoint| (key(endpoint), endpoint))
        .filter(|(key, _)| !key.is_empty() && seen.insert(key.clone()))
        .collect()
}

/// The set of places of an endpoint, sorted. Server names and attributes are not part of it: the
/// child sees to what they change.
fn key(endpoint: &Endpoint) -> Key {
    let mut key: Key = endpoint
        .addresses()
        .iter()
        .map(|address| address.location().clone())
        .collect();
    key.sort_unstable();
    key.dedup();
    key
}
