//! 8.1: a control plane changes its resources in any order, while calls go on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use prost::Message as _;
use trunkline_backoff::Rng;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::Cluster;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::ResourceType;
use trunkline_xds::core::ads::ResourceState;

use crate::mesh::{Mesh, backend, call, routes, shares};

const SEEDS: u64 = 50;
const CHANGES: usize = 14;
const BACKENDS: u8 = 8;
const LEAVES: [&str; 4] = ["a", "b", "c", "d"];
const AGGREGATES: [&str; 2] = ["p", "q"];

/// A change that comes later: a resource that another one names already.
enum Late {
    Cluster(Box<Cluster>),
    Endpoints(ClusterLoadAssignment),
}

/// A control plane that changes its resources.
struct Plane {
    mesh: Rc<Mesh>,
    rng: Rng,
    /// The clusters that the routes name.
    routed: Vec<&'static str>,
    /// The clusters below each aggregate.
    below: BTreeMap<&'static str, Vec<&'static str>>,
    /// The backends of each cluster that has endpoints.
    backends: BTreeMap<&'static str, BTreeSet<SocketAddr>>,
    late: Vec<Late>,
}

impl Plane {
    fn new(seed: u64) -> Self {
        let mesh = Rc::new(Mesh::with_backends(seed, 1..=BACKENDS));
        let mut plane = Self {
            mesh,
            rng: Rng::from_seed(seed),
            routed: Vec::new(),
            below: BTreeMap::new(),
            backends: BTreeMap::new(),
            late: Vec::new(),
        };
        plane.change_routes();
        plane
    }

    /// Returns one to three of a list, in any order.
    fn some(&mut self, list: &[&'static str]) -> Vec<&'static str> {
        let mut list = list.to_vec();
        self.rng.shuffle(&mut list);
        list.truncate(1 + self.rng.below(3));
        list
    }

    /// Changes something. What a change needs and is not there comes at once or later.
    fn change(&mut self) {
        match self.rng.below(8) {
            0 | 1 => self.change_routes(),
            2 | 3 => {
                let name = LEAVES[self.rng.below(LEAVES.len())];
                self.change_endpoints(name);
            }
            4 => {
                let name = AGGREGATES[self.rng.below(AGGREGATES.len())];
                self.change_aggregate(name);
            }
            // Those that are in use stay (gRFC A88).
            5 => {
                let name = LEAVES[self.rng.below(LEAVES.len())];
                if self.is_cached(name) {
                    self.mesh.plane.delete::<Cluster>(name);
                    self.late
                        .push(Late::Cluster(Box::new(resources::cluster(name))));
                }
            }
            6 => self.mesh.plane.end_streams(14, "a restart"),
            _ => {
                let millis = self.rng.below(50) as u64;
                self.mesh.plane.set_delay(Duration::from_millis(millis));
            }
        }
    }

    fn change_routes(&mut self) {
        let all: Vec<_> = LEAVES.iter().chain(&AGGREGATES).copied().collect();
        self.routed = self.some(&all);
        let weighted = self.routed.iter().map(|name| (*name, 1));
        let route = resources::weighted_route("", weighted.collect::<Vec<_>>());
        self.mesh.plane.set(routes([route]));
        for name in self.routed.clone() {
            if AGGREGATES.contains(&name) && !self.below.contains_key(name) {
                self.change_aggregate(name);
            }
            self.complete(name);
        }
    }

    fn change_aggregate(&mut self, name: &'static str) {
        let below = self.some(&LEAVES);
        let cluster = resources::aggregate_cluster(name, below.iter().copied());
        self.mesh.plane.set(cluster);
        for leaf in &below {
            self.complete(leaf);
        }
        self.below.insert(name, below);
    }

    /// Sets what a cluster has not, now or later.
    fn complete(&mut self, name: &'static str) {
        if AGGREGATES.contains(&name) || self.backends.contains_key(name) {
            return;
        }
        let backends = self.random_backends();
        let endpoints = resources::endpoints(name, backends.iter().copied());
        self.backends.insert(name, backends);
        self.late
            .push(Late::Cluster(Box::new(resources::cluster(name))));
        self.late.push(Late::Endpoints(endpoints));
        if self.rng.below(2) == 0 {
            self.change_late(0);
        }
    }

    fn random_backends(&mut self) -> BTreeSet<SocketAddr> {
        let count = 1 + self.rng.below(3);
        let numbers = (0..count).map(|_| 1 + self.rng.below(usize::from(BACKENDS)));
        let numbers = numbers.map(|number| u8::try_from(number).expect("a number of a backend"));
        numbers.map(backend).collect()
    }

    fn change_endpoints(&mut self, name: &'static str) {
        if self.backends.contains_key(name) {
            self.change_late(0);
            let backends = self.random_backends();
            let endpoints = resources::endpoints(name, backends.iter().copied());
            self.mesh.plane.set(endpoints);
            self.backends.insert(name, backends);
        }
    }

    /// Makes the late changes, all but some of the last ones.
    fn change_late(&mut self, stay: usize) {
        let count = self.late.len().saturating_sub(stay);
        for change in self.late.drain(..count) {
            match change {
                Late::Cluster(cluster) => self.mesh.plane.set(*cluster),
                Late::Endpoints(endpoints) => self.mesh.plane.set(endpoints),
            }
        }
    }

    /// Returns the clusters with endpoints that are needed, and the backends that calls can reach.
    fn expected(&self) -> (BTreeSet<&'static str>, BTreeSet<SocketAddr>) {
        let mut leaves = BTreeSet::new();
        let mut backends = BTreeSet::new();
        for name in &self.routed {
            let below = self.below.get(name).cloned().unwrap_or_else(|| vec![name]);
            backends.extend(&self.backends[below[0]]);
            leaves.extend(below);
        }
        (leaves, backends)
    }

    /// Returns whether the client has a cluster.
    fn is_cached(&self, name: &str) -> bool {
        let dump = self.mesh.pool.dump();
        let mut resources = dump[0].ads.authorities[0].resources.iter();
        resources.any(|one| {
            one.kind == ResourceType::Cluster && *one.name == *name && one.cached.is_some()
        })
    }

    /// Checks that the client has all resources that it watches, and the last endpoints.
    fn check_cache(&self, seed: u64) {
        let dump = self.mesh.pool.dump();
        for one in &dump[0].ads.authorities[0].resources {
            assert_eq!(one.state, ResourceState::Acked, "seed {seed}: {}", one.name);
            assert_eq!(one.watchers, 1, "seed {seed}: {}", one.name);
            let cached = one.cached.as_ref().expect("an accepted resource");
            if one.kind == ResourceType::Endpoints {
                let last = self.backends[&*one.name].iter().copied();
                let last = resources::endpoints(&one.name, last).encode_to_vec();
                assert_eq!(cached.raw, last, "seed {seed}: {}", one.name);
            }
        }
    }

    /// Returns the names that the client watches: a cluster with endpoints twice.
    fn watched(&self) -> Vec<String> {
        let dump = self.mesh.pool.dump();
        let resources = &dump[0].ads.authorities[0].resources;
        let mut names: Vec<_> = resources.iter().map(|one| one.name.to_string()).collect();
        names.sort();
        names
    }
}

/// "No call fails while old config and backends live." Whatever the order in which a control plane changes
/// routes, clusters and endpoints, also if it names some before it sends them, or restarts: each call is
/// answered. In the end the cache has the last resources, the calls reach their backends, so that the watchers
/// have them too, and nothing else is watched.
#[test]
fn xds_8_1_no_call_fails_while_resources_change() {
    for seed in 0..SEEDS {
        let mut plane = Plane::new(seed);
        plane.change_late(0);
        let channel = plane.mesh.channel();
        let mesh = Rc::clone(&plane.mesh);
        mesh.sim.run(async {
            call(&channel, "/a.B/C").await.expect("an answer");
            for _ in 0..CHANGES {
                plane.change();
                for _ in 0..4 {
                    if let Err(status) = call(&channel, "/a.B/C").await {
                        panic!("seed {seed}: {status:?}");
                    }
                    let millis = 50 + plane.rng.below(300) as u64;
                    mesh.sleep(Duration::from_millis(millis)).await;
                    let stay = plane.rng.below(6);
                    plane.change_late(stay);
                }
            }
            plane.change_late(0);
            mesh.sleep(Duration::from_secs(30)).await;
            let (leaves, backends) = plane.expected();
            // Once to each cluster of the routes at least, for all practical purposes.
            let answered = shares(&channel, "/a.B/C", 100).await;
            let answered: BTreeSet<_> = answered.into_keys().collect();
            assert_eq!(answered, backends, "seed {seed}");
            mesh.sleep(Duration::from_secs(1)).await;
            let mut watched = vec!["orders".to_owned(), "routes".to_owned()];
            let aggregates = plane.routed.iter().filter(|name| AGGREGATES.contains(name));
            watched.extend(aggregates.map(|name| (*name).to_owned()));
            let twice = leaves
                .iter()
                .flat_map(|name| [(*name).to_owned(), (*name).to_owned()]);
            watched.extend(twice);
            watched.sort();
            assert_eq!(plane.watched(), watched, "seed {seed}");
            plane.check_cache(seed);
        });
    }
}

/// 10.2, 10.14: 500 clusters of one target. All of them are there after one response a type, a change of
/// one's endpoints is one step, and no backend is dialed again.
#[test]
fn xds_10_2_five_hundred_clusters() {
    let mesh = Mesh::new(7);
    let first = mesh.sim.backend(backend(1));
    mesh.sim.backend(backend(2));
    let names: Vec<String> = (0..500).map(|at| format!("c{at:03}")).collect();
    let to_first = |name: &String| resources::endpoints(name, [backend(1)]);
    mesh.plane
        .set_all(names.iter().map(|name| resources::cluster(name)));
    mesh.plane.set_all(names.iter().map(to_first));
    let all = names
        .iter()
        .map(|name| resources::route(&format!("/{name}/"), name));
    mesh.plane.set(routes(all));
    mesh.plane.set(resources::listener("orders", "routes"));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/c000/C").await, Ok(backend(1)));
        assert_eq!(call(&channel, "/c499/C").await, Ok(backend(1)));
        let dials = first.accepts();
        mesh.plane.set(resources::endpoints("c250", [backend(2)]));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/c250/C").await, Ok(backend(2)));
        assert_eq!(call(&channel, "/c499/C").await, Ok(backend(1)));
        assert_eq!(first.accepts(), dials);
    });
}

/// 8.1: no call fails while the old configuration and its backends live: the routes move to a cluster, and
/// the control plane dies before it has sent that.
#[test]
fn xds_8_1_a_control_plane_dies_in_a_change() {
    let mesh = Mesh::with_backends(49, [1, 2]);
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.plane.set(routes([resources::route("", "later")]));
        mesh.sleep(Duration::from_secs(1)).await;
        mesh.plane.backend().kill();
        for _ in 0..60 {
            mesh.sleep(Duration::from_secs(1)).await;
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        }
        mesh.plane.set(resources::cluster("later"));
        mesh.plane.set(resources::endpoints("later", [backend(2)]));
        mesh.plane.backend().restart();
        mesh.sleep(Duration::from_secs(180)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
}
