//! A control plane that changes everything all the time, while calls are made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trunkline_backoff::Rng;
use trunkline_channel::Channel;
use trunkline_sim::Backend;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::cluster::LbPolicy;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::{
    CircuitBreakers, Cluster, OutlierDetection,
};
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, LocalityLbEndpoints,
};
use trunkline_sim::control_plane::proto::envoy::config::listener::v3::Listener;
use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call, routes};

/// The time between two calls: 200 a second.
const GAP: Duration = Duration::from_millis(5);

/// The time of a run.
const LENGTH: Duration = Duration::from_secs(60);

/// The backends. The first one is always among the endpoints of [`CLUSTERS`], in the first priority, and
/// never among those of [`GUEST`].
const BACKENDS: u8 = 6;

/// The clusters that some calls always use. So their cached values stay when they are deleted, or replaced
/// by invalid ones.
const CLUSTERS: [&str; 2] = ["one", "two"];

/// A cluster that comes and goes with the routes. It is always valid.
const GUEST: &str = "guest";

/// 4.9, 10.14: no call fails while endpoints, weights, priorities, limits, clusters and routes change, resources are deleted and updates rejected, and the control plane is slow, ends its
/// streams or is killed and restarted. A connection to a backend that stays is never closed.
#[test]
fn xds_4_9_everything_changes() {
    let mut changes = BTreeSet::new();
    for seed in 1..=SEEDS {
        let mut churn = Churn::new(seed);
        churn.run();
        churn.check(seed);
        changes.extend(churn.changes.into_keys());
    }
    assert_eq!(changes.len(), 10, "{changes:?}");
}

/// How many seeds are run.
const SEEDS: u64 = 2;

/// A mesh that changes at random.
struct Churn {
    mesh: Mesh,
    rng: Rng,
    backends: Vec<Backend>,
    outcomes: Arc<Mutex<Outcomes>>,
    /// The changes that were made.
    changes: BTreeMap<&'static str, u32>,
    plane_is_dead: bool,
}

/// How the calls ended.
#[derive(Default)]
struct Outcomes {
    answered: usize,
    failures: Vec<String>,
}

impl Churn {
    fn new(seed: u64) -> Self {
        let mesh = Mesh::new(seed);
        let backends = (1..=BACKENDS).map(|number| mesh.sim.backend(backend(number)));
        let mut churn = Self {
            rng: Rng::from_seed(seed),
            backends: backends.collect(),
            outcomes: Arc::default(),
            changes: BTreeMap::new(),
            plane_is_dead: false,
            mesh,
        };
        churn.set_listener();
        churn.set_routes();
        for cluster in [CLUSTERS[0], CLUSTERS[1], GUEST] {
            churn.set_cluster(cluster);
            churn.set_endpoints(cluster);
        }
        churn
    }

    /// Makes calls and changes for some time.
    fn run(&mut self) {
        let channel = self.mesh.channel();
        let end = self.mesh.runtime.now() + LENGTH;
        let (runtime, outcomes) = (self.mesh.runtime.clone(), self.outcomes.clone());
        let calls = async move {
            while runtime.now() < end {
                runtime.spawn(Box::pin(one_call(channel.clone(), outcomes.clone())));
                runtime.sleep_until(runtime.now() + GAP).await;
            }
        };
        self.mesh.sim.spawn("calls", calls);
        while self.mesh.runtime.now() < end {
            let pause = Duration::from_millis(u64::from(self.below(500)));
            self.mesh.sim.run(self.mesh.sim.sleep(pause));
            self.change();
        }
        let last_calls = Duration::from_secs(5);
        self.mesh.sim.run(self.mesh.sim.sleep(last_calls));
    }

    /// Makes one change.
    fn change(&mut self) {
        let cluster = CLUSTERS[self.rng.below(2)];
        let any = [cluster, GUEST][self.rng.below(2)];
        let plane = self.mesh.plane.clone();
        let change = match self.below(16) {
            0..5 => {
                self.set_endpoints(any);
                "endpoints"
            }
            5..7 => {
                self.set_routes();
                "routes"
            }
            7 | 8 => {
                self.set_cluster(any);
                "a cluster"
            }
            9 => {
                plane.set(Cluster {
                    lb_policy: LbPolicy::Maglev.into(),
                    ..resources::cluster(cluster)
                });
                "an invalid cluster"
            }
            10 => {
                plane.delete::<Cluster>(cluster);
                "a cluster is deleted"
            }
            11 => {
                plane.delete::<Listener>("orders");
                "the listener is deleted"
            }
            12 => {
                self.set_listener();
                "the listener"
            }
            13 => {
                self.settle();
                plane.end_streams(14, "ended");
                "the streams end"
            }
            14 => {
                plane.set_delay(Duration::from_millis(u64::from(self.below(2_000))));
                "a slow control plane"
            }
            _ => {
                if self.plane_is_dead {
                    plane.backend().restart();
                } else {
                    self.settle();
                    plane.backend().kill();
                }
                self.plane_is_dead = !self.plane_is_dead;
                "the control plane is killed or restarted"
            }
        };
        *self.changes.entry(change).or_default() += 1;
    }

    /// Waits until the client has what it asked for. A cluster that was never received has no value
    /// to keep when the control plane is lost (2.11), and its calls fail.
    fn settle(&self) {
        self.mesh.plane.set_delay(Duration::ZERO);
        let time = Duration::from_secs(5);
        self.mesh.sim.run(self.mesh.sim.sleep(time));
    }

    fn set_listener(&self) {
        self.mesh.plane.set(resources::listener("orders", "routes"));
    }

    /// Shares the calls among the clusters, with or without the guest.
    fn set_routes(&mut self) {
        let guest = if self.below(2) == 0 {
            0
        } else {
            1 + self.below(50)
        };
        let weights = [
            (CLUSTERS[0], 1 + self.below(9)),
            (CLUSTERS[1], 1 + self.below(9)),
            (GUEST, guest),
        ];
        let used = weights.into_iter().filter(|(_, weight)| *weight > 0);
        let route = resources::weighted_route("", used);
        self.mesh.plane.set(routes([route]));
    }

    /// Changes the limits of a cluster. No call reaches them.
    fn set_cluster(&mut self, name: &str) {
        let limits = Thresholds {
            max_requests: Some(10_000 + self.below(1_000)),
            ..Thresholds::default()
        };
        let ejection = OutlierDetection {
            max_ejection_percent: Some(self.below(100)),
            ..OutlierDetection::default()
        };
        let ejection = (self.below(2) == 0).then_some(ejection);
        self.mesh.plane.set(Cluster {
            circuit_breakers: Some(CircuitBreakers {
                thresholds: vec![limits],
                ..CircuitBreakers::default()
            }),
            outlier_detection: ejection,
            ..resources::cluster(name)
        });
    }

    /// Spreads some backends over localities and priorities.
    fn set_endpoints(&mut self, cluster: &str) {
        let mut localities: Vec<LocalityLbEndpoints> = Vec::new();
        let mut last_priority = 0;
        let first = if cluster == GUEST { 2 } else { 1 };
        for number in first..=BACKENDS {
            if number > first && self.below(3) == 0 {
                continue;
            }
            let mut endpoint = resources::endpoint(backend(number));
            endpoint.load_balancing_weight = Some(1 + self.below(5));
            match localities.last_mut() {
                Some(locality) if self.rng.below(2) == 0 => locality.lb_endpoints.push(endpoint),
                last => {
                    if last.is_some() && self.rng.below(2) == 0 {
                        last_priority += 1;
                    }
                    // A locality keeps its zone, but not its priority.
                    let zone = resources::locality("region", &format!("zone {number}"), "");
                    let mut locality = resources::locality_endpoints(zone, [endpoint]);
                    locality.priority = last_priority;
                    locality.load_balancing_weight = Some(1 + self.below(9));
                    localities.push(locality);
                }
            }
        }
        let assignment: ClusterLoadAssignment = resources::assignment(cluster, localities);
        self.mesh.plane.set(assignment);
    }

    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.rng.below(limit as usize)).unwrap_or(0)
    }

    /// Checks how the calls ended, and how often the backends were connected.
    fn check(&self, seed: u64) {
        let outcomes = self.outcomes.lock().unwrap();
        let context = format!("seed {seed}, changes {:?}", self.changes);
        assert_eq!(outcomes.failures.first(), None, "{context}");
        let made = LENGTH.as_millis() / GAP.as_millis();
        assert!(outcomes.answered as u128 >= made, "{context}");
        let first = &self.backends[0];
        assert_eq!(first.accepts(), CLUSTERS.len(), "{context}");
    }
}

async fn one_call(channel: Channel, outcomes: Arc<Mutex<Outcomes>>) {
    let result = call(&channel, "/a.B/C").await;
    let mut outcomes = outcomes.lock().unwrap();
    match result {
        Ok(_) => outcomes.answered += 1,
        Err(status) => outcomes.failures.push(status.to_string()),
    }
}
