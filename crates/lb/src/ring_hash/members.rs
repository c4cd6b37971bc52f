//! What the ring depends on: the endpoints with their keys and weights.

use std::sync::Arc;

use trunkline_endpoint::{Endpoint, EndpointMap, Location, Weight};

use super::attributes::HashKey;
use super::ring::RingMember;
use crate::policy::Update;

/// The endpoints that are on the ring, by the slot of their child.
#[derive(Debug, Default)]
pub(super) struct Members {
    by_slot: Vec<Option<Member>>,
}

/// What the place of an endpoint on the ring depends on.
#[derive(Clone, Debug, PartialEq)]
struct Member {
    /// Its first address.
    location: Location,
    /// Its explicit key, in place of the address.
    hash_key: Option<Arc<str>>,
    weight: u64,
}

impl Members {
    /// Replaces all members by these endpoints with their slots. Returns whether anything is
    /// different.
    pub(super) fn replace<'a>(
        &mut self,
        endpoints: impl Iterator<Item = (usize, &'a Endpoint)>,
        weights: &Weights,
    ) -> bool {
        let mut by_slot = Vec::with_capacity(self.by_slot.len());
        for (slot, endpoint) in endpoints {
            if by_slot.len() <= slot {
                by_slot.resize(slot + 1, None);
            }
            by_slot[slot] = Member::new(endpoint, weights.of(endpoint));
        }
        let is_new = by_slot != self.by_slot;
        self.by_slot = by_slot;
        is_new
    }

    /// Returns the weight of the endpoint in this slot.
    pub(super) fn weight(&self, slot: usize) -> Option<u64> {
        Some(self.by_slot.get(slot)?.as_ref()?.weight)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_slot.is_empty()
    }

    /// Returns one more than the largest slot.
    pub(super) fn slots(&self) -> usize {
        self.by_slot.len()
    }

    /// Returns the members, as the ring needs them.
    pub(super) fn on_ring(&self) -> Vec<RingMember> {
        let members = (0..).zip(&self.by_slot);
        let members = members.filter_map(|(slot, member)| Some((slot, member.as_ref()?)));
        let members = members.map(|(slot, member)| RingMember {
            key: match &member.hash_key {
                Some(key) => key.to_string(),
                None => member.location.to_string(),
            },
            weight: member.weight,
            slot,
        });
        members.collect()
    }
}

impl Member {
    fn new(endpoint: &Endpoint, weight: u64) -> Option<Self> {
        let hash_key = endpoint.attributes().get::<HashKey>();
        Some(Self {
            location: endpoint.addresses().first()?.location().clone(),
            hash_key: hash_key.filter(|key| !key.is_empty()).cloned(),
            weight,
        })
    }
}

/// The weights of the endpoints of an update. An endpoint that is listed more than once has the sum
/// of the weights of its entries.
#[derive(Debug)]
pub(super) struct Weights {
    /// The sums; `None` if each endpoint is listed once.
    sums: Option<EndpointMap<u64>>,
}

impl Weights {
    /// Reads the weights of an update, which has `distinct` different endpoints.
    pub(super) fn new(update: &Update, distinct: usize) -> Self {
        let listed = update.endpoints.iter();
        let listed = listed.filter(|endpoint| !endpoint.addresses().is_empty());
        if listed.clone().count() == distinct {
            return Self { sums: None };
        }
        let mut sums = EndpointMap::new();
        for endpoint in listed {
            *sums.entry(endpoint.clone()).or_insert(0) += own_weight(endpoint);
        }
        Self { sums: Some(sums) }
    }

    fn of(&self, endpoint: &Endpoint) -> u64 {
        let sum = self.sums.as_ref().and_then(|sums| sums.get(endpoint));
        sum.copied().unwrap_or_else(|| own_weight(endpoint))
    }
}

fn own_weight(endpoint: &Endpoint) -> u64 {
    let weight = endpoint.attributes().get::<Weight>().copied();
    u64::from(weight.unwrap_or(1).max(1))
}
