//! Random configurations and connections: what holds for the tree at any time.

use std::collections::BTreeSet;

use trunkline_backoff::Rng;
use trunkline_lb::SubchannelState::{Connecting, Idle, Ready};
use trunkline_lb::testing::refused;
use trunkline_lb::{AttemptOutcome, Pick, Policy, SubchannelId};
use trunkline_status::{Code, Status};
use trunkline_xds::core::ClusterEntry;
use trunkline_xds::core::resources::Cluster;

use super::support::{Tree, aggregate, cluster, leaf, xds_config};

const SEEDS: u64 = 100;
const EVENTS: usize = 120;

/// One random run.
struct Run {
    rng: Rng,
    tree: Tree,
    /// The calls in flight, each with the picker that chose.
    calls: Vec<(SubchannelId, std::sync::Arc<dyn trunkline_lb::Picker>)>,
    /// The clusters that calls can have.
    names: BTreeSet<String>,
}

impl Run {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(bound)
    }

    /// Returns a random list: up to three priorities of up to three localities.
    fn list(&mut self) -> String {
        let mut free: Vec<usize> = (1..=9).collect();
        let mut list = Vec::new();
        for _ in 0..self.below(4) {
            let mut zones = vec!["a", "b", "c"];
            let mut localities = Vec::new();
            for _ in 0..=self.below(3) {
                let zone = zones.remove(self.below(zones.len()));
                let weight = 1 + self.below(3);
                let mut locality = format!("{zone}*{weight}");
                for _ in 0..self.below(3) {
                    if free.is_empty() {
                        break;
                    }
                    let host = free.remove(self.below(free.len()));
                    locality += &format!(" 10.0.0.{host}:443");
                }
                localities.push(locality);
            }
            list.push(localities.join(", "));
        }
        list.join(" / ")
    }

    fn entry(&mut self, name: &str) -> ClusterEntry {
        if self.below(8) == 0 {
            return Err(format!("cluster {name:?} does not exist").into());
        }
        let list = self.list();
        let cluster = Cluster {
            max_requests: [1024, 2][self.below(2)],
            ..cluster(name)
        };
        leaf(cluster, &list)
    }

    fn update(&mut self) {
        let mut clusters = vec![("a", self.entry("a")), ("b", self.entry("b"))];
        clusters.retain(|(_, entry)| entry.is_ok() || self.rng.below(2) == 0);
        let usable: Vec<&str> = clusters
            .iter()
            .filter(|(_, entry)| entry.is_ok())
            .map(|(name, _)| *name)
            .collect();
        if !usable.is_empty() && self.below(2) == 0 {
            clusters.push(("x", aggregate("x", &usable)));
        }
        self.names = clusters
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        self.tree.update_named(&xds_config(clusters), |_| true);
    }

    fn connect(&mut self) {
        let ids: Vec<_> = self.tree.channel.subchannels.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.below(ids.len())];
        let connects = self.below(3) > 0;
        let next = match &self.tree.channel.subchannels[&id].state {
            Connecting if connects => Ready,
            Connecting => refused(),
            Ready => Idle,
            Idle => return,
            _ => Idle,
        };
        self.tree.channel.set_id(id, next);
    }

    fn call(&mut self) {
        let names: Vec<String> = self.names.iter().cloned().collect();
        let Some(name) = names.get(self.rng.below(names.len().max(1))) else {
            return;
        };
        match self.tree.pick(name) {
            Pick::Subchannel(id) => {
                let found = self.tree.channel.subchannels.get(&id);
                let state = found.map(|found| &found.state);
                assert_eq!(state, Some(&Ready), "a pick is of a ready subchannel");
                self.calls.push((id, self.tree.channel.picker()));
            }
            Pick::Drop(status) | Pick::Fail(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status}");
            }
            Pick::Queue | Pick::ExitIdle => {}
            other @ Pick::SubchannelAndExitIdle(_) => panic!("{other:?}"),
        }
    }

    fn end(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let at = self.below(self.calls.len());
        let (id, picker) = self.calls.swap_remove(at);
        let status = Status::new(Code::Ok, "");
        let tracker = picker.tracker().expect("calls in flight are counted");
        tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
    }

    /// Returns the calls in flight that the policies count.
    fn counted(&self) -> BTreeSet<(String, String)> {
        let root = self.tree.channel.policy.inspect(self.tree.channel.now);
        let limits = root
            .iter()
            .filter(|node| node.policy == "xds_cluster_impl_experimental");
        let facts = limits.map(|node| {
            let fact = |name| node.facts.get(name).expect("a fact").to_string();
            (fact("cluster"), fact("calls_in_flight"))
        });
        facts.collect()
    }
}

/// No sequence of updates, connections, calls and ends makes a pick of something that is not ready, a
/// call that waits for a cluster that failed, or a count that is left over.
#[test]
fn xds_4_5_random_events() {
    for seed in 0..SEEDS {
        let mut run = Run {
            rng: Rng::from_seed(seed),
            tree: Tree::new(),
            calls: Vec::new(),
            names: BTreeSet::new(),
        };
        run.update();
        for _ in 0..EVENTS {
            match run.below(10) {
                0 => run.update(),
                1..=4 => run.connect(),
                5 | 6 => run.call(),
                7 | 8 => run.end(),
                _ => run.tree.channel.advance_millis(3_000),
            }
        }
        while !run.calls.is_empty() {
            run.end();
        }
        for (cluster, calls) in run.counted() {
            assert_eq!(calls, "0", "seed {seed}: all calls to {cluster} have ended");
        }
        run.tree.update([]);
        assert_eq!(run.tree.channel.addresses(), "", "seed {seed}");
    }
}
