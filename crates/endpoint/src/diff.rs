//! The difference between two lists of endpoints.

use crate::index::{Index, IndexSlot};
use crate::{Endpoint, Identity};

/// The difference between an old and a new list of endpoints.
///
/// Endpoints are compared by [`Endpoint::same_addresses`]. Of several endpoints with the same
/// addresses in one list, only the first counts, so each set of addresses is in exactly one of the
/// four fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff<'a> {
    /// The endpoints that only the new list has, in its order.
    pub added: Vec<&'a Endpoint>,
    /// The endpoints that only the old list has, in its order.
    pub removed: Vec<&'a Endpoint>,
    /// The endpoints that are equal in both lists, in the order of the new list.
    pub kept: Vec<&'a Endpoint>,
    /// The endpoints that have the same addresses in both lists, but in another order, or with
    /// another server name or attribute: the old and the new one, in the order of the new list.
    pub changed: Vec<(&'a Endpoint, &'a Endpoint)>,
}

impl Diff<'_> {
    /// True when at most the order of the endpoints changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Compares two lists of endpoints, in time proportional to their lengths.
///
/// It is for policies and observers that act on the difference between two resolutions, such as a
/// log of added and removed backends. The policies of this workspace compare by
/// [`EndpointMap`](crate::EndpointMap) instead.
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::{Endpoint, diff};
///
/// let endpoint = |port| Endpoint::new([SocketAddr::from(([192, 0, 2, 1], port))]);
/// let (old, new) = ([endpoint(1), endpoint(2)], [endpoint(2), endpoint(3)]);
/// let diff = diff(&old, &new);
/// assert_eq!(diff.added, [&endpoint(3)]);
/// assert_eq!(diff.removed, [&endpoint(1)]);
/// assert_eq!(diff.kept, [&endpoint(2)]);
/// ```
#[must_use]
pub fn diff<'a>(old: &'a [Endpoint], new: &'a [Endpoint]) -> Diff<'a> {
    let mut index = Index::with_capacity(old.len());
    // For each old endpoint, true while it is not in `kept` or `changed`. It is false from the
    // start for an endpoint with the same addresses as an earlier one.
    let mut is_left = vec![true; old.len()];
    for (at, endpoint) in old.iter().enumerate() {
        let hash = endpoint.identity_hash();
        match index.find(hash, |other| old[other].same_identity(endpoint)) {
            Some(_) => is_left[at] = false,
            None => index.insert(hash, at),
        }
    }
    let mut diff = Diff::default();
    let mut fresh = Index::default();
    for endpoint in new {
        let hash = endpoint.identity_hash();
        match index.find(hash, |other| old[other].same_identity(endpoint)) {
            Some(IndexSlot { position: at, .. }) if is_left[at] => {
                is_left[at] = false;
                if old[at] == *endpoint {
                    diff.kept.push(endpoint);
                } else {
                    diff.changed.push((&old[at], endpoint));
                }
            }
            Some(_) => {}
            None => {
                let is_it = |other: usize| diff.added[other].same_identity(endpoint);
                if fresh.find(hash, is_it).is_none() {
                    fresh.insert(hash, diff.added.len());
                    diff.added.push(endpoint);
                }
            }
        }
    }
    let left = old.iter().zip(&is_left).filter(|(_, is_left)| **is_left);
    diff.removed = left.map(|(endpoint, _)| endpoint).collect();
    diff
}
