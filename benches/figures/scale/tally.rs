//! What all clients do together.

use std::time::Duration;

use super::world::{END, World, capacity};

/// How often the load of the backends is measured.
pub(crate) const SAMPLE: Duration = Duration::from_secs(60);

/// Sums over all clients, by second.
pub(crate) struct Tally {
    /// How many clients each client that is simulated counts for.
    weight: u64,
    questions: Vec<u64>,
    dials: Vec<u64>,
    failed: Vec<u64>,
    /// The change of the number of connections.
    connections: Vec<i64>,
    /// The calls of each backend, for each time at which they are measured.
    calls: Vec<Vec<u64>>,
}

/// How evenly the backends are loaded at one moment: their calls by their capacity, of the mean.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) ninety_ninth: f64,
}

impl Tally {
    pub(crate) fn new(world: &World, weight: u64) -> Self {
        let seconds = END.as_secs() as usize + 1;
        let samples = (END.as_secs() / SAMPLE.as_secs()) as usize;
        Self {
            weight,
            questions: vec![0; seconds],
            dials: vec![0; seconds],
            failed: vec![0; seconds],
            connections: vec![0; seconds],
            calls: vec![vec![0; world.len()]; samples],
        }
    }

    pub(crate) fn count_questions(&mut self, at: Duration, count: u64) {
        self.questions[at.as_secs() as usize] += count * self.weight;
    }

    pub(crate) fn count_dials(&mut self, at: Duration, count: usize) {
        self.dials[at.as_secs() as usize] += count as u64 * self.weight;
    }

    pub(crate) fn count_failure(&mut self, at: Duration) {
        self.failed[at.as_secs() as usize] += self.weight;
    }

    pub(crate) fn count_connections(&mut self, at: Duration, before: usize, after: usize) {
        self.connections[at.as_secs() as usize] +=
            (after as i64 - before as i64) * self.weight as i64;
    }

    pub(crate) fn count_call(&mut self, sample: usize, backend: u32) {
        self.calls[sample][backend as usize] += self.weight;
    }

    /// Returns the connections at the end of each second.
    pub(crate) fn connections(&self) -> Vec<f64> {
        let mut sum = 0;
        let sums = self.connections.iter().map(|change| {
            sum += change;
            sum as f64
        });
        sums.collect()
    }

    /// Returns the questions of each second.
    pub(crate) fn questions(&self) -> Vec<f64> {
        self.questions.iter().map(|count| *count as f64).collect()
    }

    /// Returns the connection attempts of each second.
    pub(crate) fn dials(&self) -> Vec<f64> {
        self.dials.iter().map(|count| *count as f64).collect()
    }

    /// Returns how many connection attempts failed in all.
    pub(crate) fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Returns how evenly the backends that are up at a sample are loaded.
    pub(crate) fn spread(&self, sample: usize, world: &World) -> Spread {
        let at = SAMPLE * (sample as u32 + 1);
        let up = (0..).zip(&self.calls[sample]);
        let up = up.filter(|(backend, _)| world.is_up(*backend, at));
        let mut loads: Vec<f64> = up
            .map(|(backend, calls)| *calls as f64 / capacity(backend))
            .collect();
        loads.sort_by(f64::total_cmp);
        let mean = loads.iter().sum::<f64>() / loads.len() as f64;
        Spread {
            least: loads[0] / mean,
            most: loads[loads.len() - 1] / mean,
            ninety_ninth: loads[loads.len() * 99 / 100] / mean,
        }
    }
}
