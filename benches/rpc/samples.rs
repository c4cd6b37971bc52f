//! The figures of all rounds.

use serde_json::{Value, json};
use trunkline_benches::protocol::{Case, Cost};
use trunkline_benches::statistics::{Summary, medians_of_runs, ratios};

use crate::cases;

/// What was measured of one case, for each contestant.
pub(crate) struct Samples {
    pub(crate) case: Case,
    /// Rounds in each generation.
    rounds: usize,
    /// By contestant.
    pub(crate) of: Vec<Contestant>,
}

/// What was measured of one contestant, per call.
#[derive(Clone, Default)]
pub(crate) struct Contestant {
    /// CPU time in nanoseconds; an entry for each round.
    pub(crate) cpu_ns: Vec<Option<f64>>,
    pub(crate) switches: Vec<f64>,
    pub(crate) allocations: Vec<f64>,
    pub(crate) system_calls: Vec<f64>,
    /// The median and the 99th percentile, in nanoseconds.
    pub(crate) latency_ns: [Vec<f64>; 2],
    /// What it gained for each backend, in bytes: on the heap, and resident.
    pub(crate) heap_bytes: Vec<f64>,
    pub(crate) rss_bytes: Vec<f64>,
    /// The most memory of its process, in bytes.
    pub(crate) max_rss_bytes: Vec<f64>,
}

impl Samples {
    pub(crate) fn new(case: Case, contestants: usize, rounds: usize) -> Self {
        Self {
            case,
            rounds,
            of: vec![Contestant::default(); contestants],
        }
    }

    /// Returns the CPU time a call, in nanoseconds.
    pub(crate) fn cpu_ns(&self, of: usize) -> Option<Summary> {
        let times: Vec<f64> = self.of[of].cpu_ns.iter().flatten().copied().collect();
        Summary::of(&times)
    }

    /// Returns the CPU time of one contestant as a ratio to another's, within the rounds.
    pub(crate) fn ratio(&self, of: usize, to: usize) -> Option<Summary> {
        Summary::of(&ratios(&self.of[of].cpu_ns, &self.of[to].cpu_ns))
    }

    /// Returns the median ratio of each generation.
    pub(crate) fn ratio_of_runs(&self, of: usize, to: usize) -> Vec<f64> {
        let ratios = ratios(&self.of[of].cpu_ns, &self.of[to].cpu_ns);
        medians_of_runs(&ratios, self.rounds)
    }

    /// Returns all figures, and all ratios, by name.
    pub(crate) fn raw(&self, labels: &[&str]) -> Value {
        let measured = |at: &usize| {
            let of = &self.of[*at];
            of.cpu_ns.iter().any(Option::is_some) || !of.rss_bytes.is_empty()
        };
        let named = labels.iter().enumerate().filter(|(at, _)| measured(at));
        let clients: Value = named
            .clone()
            .map(|(at, label)| {
                let of = &self.of[at];
                let figures = json!({
                    "cpu_ns": of.cpu_ns,
                    "switches": of.switches,
                    "allocations": of.allocations,
                    "system_calls": of.system_calls,
                    "latency_p50_ns": of.latency_ns[0],
                    "latency_p99_ns": of.latency_ns[1],
                    "max_rss_bytes": of.max_rss_bytes,
                    "heap_bytes": of.heap_bytes,
                    "rss_bytes": of.rss_bytes,
                });
                ((*label).to_owned(), figures)
            })
            .collect();
        let pairs = named
            .clone()
            .flat_map(|of| named.clone().map(move |to| (of, to)));
        let ratios: Vec<Value> = pairs
            .filter(|((of, _), (to, _))| of != to)
            .filter_map(|((of, name), (to, other))| {
                let ratio = self.ratio(of, to)?;
                Some(json!({ "of": name, "to": other, "cpu": ratio }))
            })
            .collect();
        json!({
            "name": cases::name(&self.case),
            "case": self.case,
            "clients": clients,
            "ratios": ratios,
        })
    }
}

impl Contestant {
    pub(crate) fn add_cpu(&mut self, cost: Option<&Cost>, calls: usize) {
        let per_call = |count: u64| count as f64 / calls as f64;
        self.cpu_ns.push(cost.map(|cost| per_call(cost.cpu_ns)));
        let Some(cost) = cost else { return };
        self.switches.extend(cost.voluntary_switches.map(per_call));
        let rss = cost.max_rss_bytes.map(|bytes| bytes as f64);
        self.max_rss_bytes.extend(rss);
    }

    pub(crate) fn add_latency(&mut self, cost: &Cost) {
        if let Some([median, _, last]) = cost.latency_ns {
            self.latency_ns[0].push(median as f64);
            self.latency_ns[1].push(last as f64);
        }
    }

    pub(crate) fn add_memory(&mut self, cost: &Cost, backends: usize) {
        let each = |bytes: u64| bytes as f64 / backends as f64;
        self.heap_bytes.extend(cost.heap_bytes.map(each));
        self.rss_bytes.extend(cost.rss_bytes.map(each));
    }

    pub(crate) fn add_allocations(&mut self, cost: &Cost, calls: usize) {
        let per_call = |count: u64| count as f64 / calls as f64;
        self.allocations.extend(cost.allocations.map(per_call));
    }
}
