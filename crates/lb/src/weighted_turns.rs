//! Turns in proportion to weights.

use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_backoff::Rng;

use crate::per_thread::PerThread;

/// The step of each thread's position: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Chooses indices for pickers, each as often as its weight.
///
/// The weights are laid side by side on a ring. Each thread walks around the ring in steps of the
/// golden ratio, from a random position: so the choices are as even as they can be, not random. The
/// share of an index is right up to a few choices of each thread, after any number of choices.
/// Callers with a pattern of their own, such as every second call, meet no pattern here, because
/// the ratio is irrational.
///
/// A choice adds once to a number of the thread, and searches the position in the sums of the
/// weights: no lock, nothing that threads share, no allocation.
///
/// Source: [additive recurrence](https://en.wikipedia.org/wiki/Low-discrepancy_sequence#Additive_recurrence).
#[derive(Debug)]
pub(crate) struct WeightedTurns {
    /// For each index, the sum of its weight and those before it.
    sums: Box<[u64]>,
    /// The next position of each thread, as a fraction of the ring.
    positions: PerThread<AtomicU64>,
}

impl WeightedTurns {
    /// Creates the turns of the indices of `weights`. A weight of 0 gets no turn.
    pub(crate) fn new(weights: impl IntoIterator<Item = u64>, rng: &mut Rng) -> Self {
        let mut sum = 0_u64;
        let sums = weights.into_iter().map(|weight| {
            sum = sum.saturating_add(weight);
            sum
        });
        // One draw of `rng`, however many threads the machine runs: the same seed gives the same run
        // on every machine.
        let mut firsts = Rng::from_seed(rng.next_seed());
        Self {
            sums: sums.collect(),
            positions: PerThread::new(|_| AtomicU64::new(firsts.next_seed())),
        }
    }

    /// Returns an index; `None` if all weights are 0.
    pub(crate) fn next(&self) -> Option<usize> {
        let sum = *self.sums.last()?;
        let position = self.positions.get().fetch_add(STEP, Ordering::Relaxed);
        let at = (u128::from(position) * u128::from(sum)) >> 64;
        let index = self.sums.partition_point(|sum| u128::from(*sum) <= at);
        (index < self.sums.len()).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how often each index is chosen.
    fn counts(weights: &[u64], choices: usize, seed: u64) -> Vec<usize> {
        let turns = WeightedTurns::new(weights.iter().copied(), &mut Rng::from_seed(seed));
        let mut counts = vec![0; weights.len()];
        for _ in 0..choices {
            counts[turns.next().expect("a weight above 0")] += 1;
        }
        counts
    }

    /// After any number of choices, each index is within four choices of its share.
    #[test]
    fn even() {
        for seed in 0..20 {
            for weights in [
                &[1, 1, 1][..],
                &[5, 3, 2],
                &[1, 0, 999],
                &[70_000, 1, 4_000_000_000],
            ] {
                let sum: u64 = weights.iter().sum();
                for choices in [1, 10, 99, 1_000, 20_000] {
                    for (count, weight) in counts(weights, choices, seed).iter().zip(weights) {
                        let share = choices as f64 * *weight as f64 / sum as f64;
                        let off = (*count as f64 - share).abs();
                        assert!(off <= 4.0, "{weights:?}, {choices} choices: {off} off");
                    }
                }
            }
        }
    }

    #[test]
    fn extreme_weights() {
        let turns = |weights: &[u64]| {
            WeightedTurns::new(weights.iter().copied(), &mut Rng::from_seed(1)).next()
        };
        assert_eq!(turns(&[]), None);
        assert_eq!(turns(&[0, 0]), None);
        assert_eq!(turns(&[0, 7]), Some(1));
        // The sum is limited; the first of two such weights gets all turns.
        assert_eq!(turns(&[u64::MAX, u64::MAX]), Some(0));
    }
}
