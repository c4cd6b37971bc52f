//! Runs the rounds of all clients in turn.

use trunkline_benches::budget;
use trunkline_benches::clock::wall_time;
use trunkline_benches::protocol::{Case, Kind, Measure};
use trunkline_benches::strace::Strace;

use crate::cases;
use crate::options::Size;
use crate::process::{Client, Contestant, Server, Start};
use crate::samples::Samples;

/// Clients that are compared with each other, under the same conditions.
pub(crate) struct Field {
    pub(crate) contestants: Vec<Contestant>,
    pub(crate) is_pinned: bool,
    pub(crate) size: Size,
    /// What was not measured, and why.
    pub(crate) left_out: Vec<String>,
    /// The version of each client, once it has been started.
    pub(crate) versions: Vec<Option<String>>,
}

impl Field {
    pub(crate) fn new(contestants: Vec<Contestant>, is_pinned: bool, size: Size) -> Self {
        Self {
            versions: contestants.iter().map(|_| None).collect(),
            contestants,
            is_pinned,
            size,
            left_out: Vec::new(),
        }
    }

    /// Measures these cases.
    pub(crate) fn measure(&mut self, cases: &[Case]) -> Vec<Samples> {
        let count = self.contestants.len();
        let mut samples: Vec<Samples> = cases
            .iter()
            .map(|case| Samples::new(*case, count, self.size.rounds))
            .collect();
        for generation in 1..=self.size.generations {
            let of = self.size.generations;
            eprintln!("run {generation} of {of}: {} cases", cases.len());
            self.generation(&mut samples);
        }
        samples
    }

    /// Starts all processes, and measures the clients in turn.
    fn generation(&mut self, samples: &mut [Samples]) {
        let server = Server::start(self.is_pinned);
        let mut clients: Vec<Option<Client>> = Vec::new();
        for at in 0..self.contestants.len() {
            let contestant = &self.contestants[at];
            let started = Client::start(contestant, &server.backends, self.is_pinned);
            let client = self.unless_failed(at, "it does not start", started);
            if let Some(client) = &client {
                self.versions[at] = Some(client.hello.version.clone());
            }
            clients.push(client);
        }
        for samples in samples {
            if samples.case.kind == Kind::Resident {
                self.memory(&server, samples);
            } else {
                self.case(&mut clients, samples);
            }
        }
    }

    /// Measures memory, of a process each that has done nothing else.
    fn memory(&mut self, server: &Server, samples: &mut Samples) {
        let case = samples.case;
        let calls = self.size.calls_of(&case);
        for at in 0..self.contestants.len() {
            if !self.takes_part(at, &case) {
                continue;
            }
            let contestant = &self.contestants[at];
            let started = Client::start(contestant, &server.backends, self.is_pinned);
            let ran = started.and_then(|mut client| {
                if client.can(&case) {
                    client.round(&case, calls, Measure::Cpu).map(Some)
                } else {
                    Ok(None)
                }
            });
            if let Some(Some(cost)) = self.unless_failed(at, &cases::name(&case), ran) {
                samples.of[at].add_memory(&cost, case.backends);
            }
        }
    }

    /// Returns whether a case makes sense for a contestant.
    fn takes_part(&self, at: usize, case: &Case) -> bool {
        match &self.contestants[at].start {
            Start::Variant(variant, _) => variant.measures(case),
            Start::Peer(_) => true,
        }
    }

    fn case(&mut self, clients: &mut [Option<Client>], samples: &mut Samples) {
        let case = samples.case;
        let calls = self.size.calls_of(&case);
        let mut takes_part: Vec<bool> = (0..clients.len())
            .map(|at| {
                self.takes_part(at, &case) && clients[at].as_ref().is_some_and(|one| one.can(&case))
            })
            .collect();
        let mut round = |field: &mut Self, at: usize, calls, measure| {
            if !takes_part[at] {
                return None;
            }
            let cost = clients[at].as_mut()?.round(&case, calls, measure);
            let cost = field.unless_failed(at, &cases::name(&case), cost);
            if cost.is_none() {
                // Its state is unknown, and it may answer late.
                takes_part[at] = false;
                clients[at] = None;
            }
            cost
        };
        let count = samples.of.len();
        let mut calls_of = vec![calls; count];
        for (at, own) in calls_of.iter_mut().enumerate() {
            let few = calls.div_ceil(4);
            let start = wall_time();
            round(self, at, few, Measure::Cpu);
            *own = budget::calls(&case, calls, few, wall_time() - start);
        }
        for turn in 0..self.size.rounds {
            // Each round starts with another client.
            for at in (0..count).map(|at| (at + turn) % count) {
                let cost = round(self, at, calls_of[at], Measure::Cpu);
                samples.of[at].add_cpu(cost.as_ref(), calls_of[at]);
            }
        }
        for (at, &calls) in calls_of.iter().enumerate() {
            if let Some(cost) = round(self, at, calls, Measure::Latency) {
                samples.of[at].add_latency(&cost);
            }
            if let Some(cost) = round(self, at, calls, Measure::Allocations) {
                samples.of[at].add_allocations(&cost, calls);
            }
        }
        if self.size.is_quick {
            return;
        }
        for at in 0..count {
            if let Some(client) = clients[at].as_mut()
                && takes_part[at]
                && let Some(strace) = Strace::attach(client.id())
            {
                let ran = client.round(&case, calls_of[at], Measure::Cpu);
                let counted = strace.detach();
                if self.unless_failed(at, "under strace", ran).is_none() {
                    clients[at] = None;
                } else if let Some(count) = counted {
                    samples.of[at]
                        .system_calls
                        .push(count as f64 / calls_of[at] as f64);
                }
            }
        }
    }

    /// Returns the result, or notes why there is none. Clients of this workspace must not fail.
    fn unless_failed<T>(&mut self, at: usize, what: &str, result: Result<T, String>) -> Option<T> {
        let label = &self.contestants[at].label;
        match result {
            Ok(result) => Some(result),
            Err(error) if matches!(self.contestants[at].start, Start::Peer(_)) => {
                let line = format!("{label}: {what}: {error}");
                println!("left out: {line}");
                self.left_out.push(line);
                None
            }
            Err(error) => panic!("{label}: {what}: {error}"),
        }
    }
}
