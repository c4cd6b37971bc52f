//! The targets, their control plane, and their backends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use trunkline::BoxFuture;
use trunkline::backoff::Rng;
use trunkline_testkit::load::Load;

use super::super::backend::Backend;
use super::super::clients::{Client, answer};
use super::super::counted::{Counted, Tasks};
use super::super::plane::Plane;
use super::super::resources::{assignment, cluster, endpoint, listener, routes, weighted_route};
use super::super::started::bootstrap;
use super::usage::{Usage, descriptors, memory};
use crate::clients::{DEADLINE, NamedRuntime};
use crate::suite::stub::Stub;
use crate::wrong::Wrong;

/// The processes that the endpoints are in.
const BACKENDS: usize = 4;

/// How many targets there are, with how many clusters each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) targets: usize,
    pub(super) clusters: usize,
}

impl Size {
    /// Returns the number of all clusters, each of which has one endpoint.
    pub(super) fn all(self) -> usize {
        self.targets * self.clusters
    }
}

/// A channel to each target. Each has a node of its own, for which the control plane has resources.
#[derive(Debug)]
pub(super) struct Fleet {
    plane: Plane,
    backends: Vec<Backend>,
    size: Size,
    stubs: Vec<Stub>,
    tasks: Tasks,
    rng: Rng,
    loads: Vec<Load>,
    /// The backend of the endpoint of each cluster.
    places: Vec<usize>,
}

impl Fleet {
    pub(super) fn start(
        xds: &[String],
        size: Size,
        runtimes: &[NamedRuntime; 3],
    ) -> Result<Self, Wrong> {
        let start = |_| Backend::start(xds, &["127.0.0.1:0"]);
        let backends = (0..BACKENDS).map(start).collect::<Result<Vec<_>, _>>()?;
        let mut plane = Plane::start_by_node(xds)?;
        let tasks = Tasks::default();
        let mut stubs = Vec::new();
        let places: Vec<usize> = (0..size.all()).map(|number| number % BACKENDS).collect();
        for target in 0..size.targets {
            let names: Vec<String> = (0..size.clusters)
                .map(|number| name(target, number))
                .collect();
            let weights: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
            let mut resources = vec![
                listener("orders", "routes"),
                routes("routes", &json!([weighted_route(&weights)])),
            ];
            for (number, name) in names.iter().enumerate() {
                let place = places[target * size.clusters + number];
                resources.push(cluster(name));
                resources.push(one_endpoint(name, backends[place].addresses[0], 1));
            }
            plane.set_for(&node(target), &resources)?;
            let on = &runtimes[target % runtimes.len()];
            let runtime = Counted::new(Arc::clone(&on.runtime), tasks.clone());
            let on = NamedRuntime {
                name: on.name,
                runtime: Arc::new(runtime),
            };
            let client = Client::own(&on, "xds:///orders", &bootstrap(&plane, &node(target)))?;
            if let Client::Own { stub, .. } = client {
                stub.connect()?;
                stubs.push(*stub);
            }
        }
        Ok(Self {
            plane,
            backends,
            size,
            stubs,
            tasks,
            rng: Rng::from_seed(1),
            loads: Vec::new(),
            places,
        })
    }

    /// Returns how many connections all channels have made.
    pub(super) fn connections(&self) -> usize {
        self.stubs.iter().map(Stub::connected).sum()
    }

    /// Starts `rate` calls a second, of the targets in turn.
    pub(super) fn start_calls(&mut self, rate: u32) {
        let Some(first) = self.stubs.first() else {
            return;
        };
        let runtime = Arc::clone(first.runtime());
        let stubs: Arc<[Stub]> = self.stubs.clone().into();
        let next = AtomicUsize::new(0);
        let call = move |_| {
            let number = next.fetch_add(1, Ordering::Relaxed) % stubs.len();
            Box::pin(answer(stubs[number].clone(), None)) as BoxFuture<_>
        };
        self.loads.push(Load::start(&runtime, rate, Box::new(call)));
    }

    /// Stops the calls, and returns how many were answered.
    pub(super) fn stop_calls(&mut self) -> Result<u64, Wrong> {
        let mut answered = 0;
        for load in self.loads.drain(..) {
            let settled = load.settle(2 * DEADLINE);
            let outcome = load.outcome();
            if let Some((why, _)) = outcome.failures.first_key_value() {
                return Err(format!("{} calls failed: {why}", outcome.failed()).into());
            }
            if !settled {
                return Err("calls without an end".into());
            }
            answered += outcome.answered;
        }
        Ok(answered)
    }

    /// Changes the endpoints of one cluster: its weight, or which backend it is.
    pub(super) fn change(&mut self, number: u32) -> Result<(), Wrong> {
        let at = self.rng.below(self.places.len());
        let (target, cluster) = (at / self.size.clusters, at % self.size.clusters);
        if number.is_multiple_of(2) {
            self.places[at] = (self.places[at] + 1) % BACKENDS;
        }
        let address = self.backends[self.places[at]].addresses[0];
        // The number makes each resource another one.
        let resource = one_endpoint(&name(target, cluster), address, number + 2);
        self.plane.set_for(&node(target), &[resource])
    }

    /// Measures what is used after so many changes.
    pub(super) fn usage(&mut self, changes: u32) -> Result<Usage, Wrong> {
        let traffic = self.plane.traffic()?;
        let count = |field: &str| {
            traffic[field]
                .as_u64()
                .ok_or("no counters of the control plane")
        };
        Ok(Usage {
            memory: memory()?,
            descriptors: descriptors()?,
            tasks: self.tasks.count(),
            changes,
            sent: count("sent")?,
            sent_bytes: count("sent_bytes")?,
            received: count("received")?,
            received_bytes: count("received_bytes")?,
        })
    }
}

fn node(target: usize) -> String {
    format!("node-{target}")
}

fn name(target: usize, cluster: usize) -> String {
    format!("target-{target}-cluster-{cluster}")
}

/// Returns the endpoints of a cluster: one.
fn one_endpoint(cluster: &str, address: SocketAddr, weight: u32) -> Value {
    let mut one = endpoint(&[address]);
    one["load_balancing_weight"] = weight.into();
    let locality = json!([{
        "locality": {"region": "here", "zone": "z1"},
        "load_balancing_weight": 1,
        "lb_endpoints": [one],
    }]);
    assignment(cluster, &locality)
}
