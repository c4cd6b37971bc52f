//! What changed between two lists of endpoints.

use crate::index::{Found, Index};
use crate::{Endpoint, Identity};

/// What a new list of endpoints has that the old one had not, and the other way round.
///
/// Endpoints are told apart by [`Endpoint::same_addresses`]. Of several with the same addresses in
/// one list the first counts; so each set of addresses is in exactly one of the four lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff<'a> {
    /// In the new list alone, in its order.
    pub added: Vec<&'a Endpoint>,
    /// In the old list alone, in its order.
    pub removed: Vec<&'a Endpoint>,
    /// Equal in both, in the order of the new list.
    pub kept: Vec<&'a Endpoint>,
    /// The same addresses, but another order of them, server name or attribute: the old and the new
    /// one, in the order of the new list.
    pub changed: Vec<(&'a Endpoint, &'a Endpoint)>,
}

impl Diff<'_> {
    /// Whether nothing changed but the order of the endpoints.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Compares two lists of endpoints, in time proportional to their lengths.
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
    // What has become of each old endpoint; one with the addresses of an earlier one is passed by.
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
            Some(Found { position: at, .. }) if is_left[at] => {
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
