//! The resources of the churn, and the connections that they ask for.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};
use trunkline::backoff::Rng;

use super::super::backend::Connections;
use super::super::resources::{assignment, cluster, endpoint, listener, routes, weighted_route};

/// The number of backends. The first one is always among the endpoints of the first two clusters, in the
/// first priority, and never among those of [`GUEST`].
pub(super) const BACKENDS: usize = 6;

/// The backends of one locality.
const IN_LOCALITY: usize = 2;

/// The clusters. Calls always use the first two.
const CLUSTERS: [&str; 3] = ["one", "two", GUEST];

/// A cluster that comes and goes with the routes.
const GUEST: &str = "guest";

/// The number of clusters that are always in use.
const ALWAYS: usize = 2;

/// What changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// The endpoints of a cluster, their weights, and the weights and priorities of their localities.
    Endpoints,
    /// The weights of the clusters, and whether there is the guest.
    Routes,
    /// The limits of a cluster.
    Cluster,
}

/// The resources of this moment.
#[derive(Debug)]
pub(super) struct Script {
    rng: Rng,
    addresses: Vec<SocketAddr>,
    /// The priority of each endpoint of each cluster; `None` for backends that are not among them.
    listed: [[Option<u32>; BACKENDS]; CLUSTERS.len()],
    has_guest: bool,
    /// The most connections to each backend, and how many of them may be closed.
    connections: [Connections; BACKENDS],
    /// The cluster whose endpoints change next.
    next: usize,
}

impl Script {
    pub(super) fn new(addresses: Vec<SocketAddr>) -> Self {
        Self {
            rng: Rng::from_seed(1),
            addresses,
            listed: [[None; BACKENDS]; CLUSTERS.len()],
            has_guest: false,
            connections: [Connections::default(); BACKENDS],
            next: 0,
        }
    }

    /// Returns the backend that is always an endpoint.
    pub(super) fn always(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Returns the resources at the start.
    pub(super) fn all(&mut self) -> Vec<Value> {
        let mut all = vec![listener("orders", "routes")];
        all.extend(self.change(Change::Routes));
        for name in CLUSTERS {
            all.push(cluster(name));
            all.extend(self.change(Change::Endpoints));
        }
        all
    }

    /// Changes something, and returns the resources that are other ones.
    pub(super) fn change(&mut self, change: Change) -> Vec<Value> {
        match change {
            Change::Endpoints => {
                let cluster = self.next;
                self.next = (self.next + 1) % CLUSTERS.len();
                vec![self.endpoints(cluster)]
            }
            Change::Routes => vec![self.routes()],
            Change::Cluster => {
                let mut cluster = cluster(CLUSTERS[self.rng.below(CLUSTERS.len())]);
                // No call reaches the limit.
                let limit = 10_000 + self.rng.below(1_000);
                cluster["circuit_breakers"] = json!({"thresholds": [{"max_requests": limit}]});
                vec![cluster]
            }
        }
    }

    /// Returns endpoints that must be rejected: there is no priority 0.
    pub(super) fn invalid(&self) -> Value {
        let locality = locality(1, 1, &[endpoint(&self.addresses[1..2])], 1);
        assignment(CLUSTERS[0], &json!([locality]))
    }

    /// Shares the calls among the clusters, with or without the guest.
    fn routes(&mut self) -> Value {
        let had_guest = std::mem::replace(&mut self.has_guest, self.rng.below(2) == 0);
        if had_guest != self.has_guest {
            let guest = self.listed[ALWAYS];
            for (connections, _) in self
                .connections
                .iter_mut()
                .zip(guest)
                .filter(|(_, priority)| priority.is_some())
            {
                connections.accepted += usize::from(self.has_guest);
                connections.closed += usize::from(had_guest);
            }
        }
        let used = if self.has_guest {
            CLUSTERS.len()
        } else {
            ALWAYS
        };
        let weights = CLUSTERS[..used].iter().map(|name| (*name, self.weight(9)));
        let weights: Vec<_> = weights.collect();
        routes("routes", &json!([weighted_route(&weights)]))
    }

    /// Spreads some backends over localities and priorities.
    fn endpoints(&mut self, cluster: usize) -> Value {
        let mut localities = Vec::new();
        let mut listed = [None; BACKENDS];
        let mut last_priority = 0;
        for zone in 0..BACKENDS / IN_LOCALITY {
            // The locality of the first backend is always in the first priority.
            let priority = last_priority + u32::from(zone > 0 && self.rng.below(2) == 0);
            let mut endpoints = Vec::new();
            let numbers = zone * IN_LOCALITY..(zone + 1) * IN_LOCALITY;
            for (number, listed) in numbers.clone().zip(&mut listed[numbers]) {
                let stays = number == 0 && cluster < ALWAYS;
                let is_banned = number == 0 && cluster >= ALWAYS;
                // A cluster always has an endpoint in the first priority.
                let is_first = number == 1 && cluster >= ALWAYS;
                if is_banned || !(stays || is_first || self.rng.below(3) > 0) {
                    continue;
                }
                let mut one = endpoint(&[self.addresses[number]]);
                one["load_balancing_weight"] = self.weight(5).into();
                endpoints.push(one);
                *listed = Some(priority);
            }
            if !endpoints.is_empty() {
                last_priority = priority;
                let weight = self.weight(9);
                localities.push(locality(zone, priority, &endpoints, weight));
            }
        }
        let before = std::mem::replace(&mut self.listed[cluster], listed);
        if cluster < ALWAYS || self.has_guest {
            let each = self.connections.iter_mut().zip(before.iter().zip(&listed));
            for (connections, (before, after)) in
                each.filter(|(_, (before, after))| before != after)
            {
                // A locality that changes its priority can get another child there.
                connections.accepted += usize::from(after.is_some());
                connections.closed += usize::from(before.is_some());
            }
        }
        assignment(CLUSTERS[cluster], &localities.into())
    }

    fn weight(&mut self, most: usize) -> u32 {
        u32::try_from(1 + self.rng.below(most)).unwrap_or(1)
    }

    /// Returns the most connections to each backend, and how many of them may be closed.
    pub(super) fn connections(&self) -> BTreeMap<SocketAddr, Connections> {
        let addresses = self.addresses.iter().copied();
        addresses.zip(self.connections).collect()
    }

    /// Returns how many endpoints came.
    pub(super) fn entered(&self) -> usize {
        self.connections.iter().map(|one| one.accepted).sum()
    }

    /// Returns how many endpoints left.
    pub(super) fn left(&self) -> usize {
        self.connections.iter().map(|one| one.closed).sum()
    }
}

/// Returns a locality, which keeps its zone.
fn locality(zone: usize, priority: u32, endpoints: &[Value], weight: u32) -> Value {
    json!({
        "locality": {"region": "here", "zone": format!("z{zone}")},
        "load_balancing_weight": weight,
        "priority": priority,
        "lb_endpoints": endpoints,
    })
}
