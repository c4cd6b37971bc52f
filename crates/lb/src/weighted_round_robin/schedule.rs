//! The order of picks.

use std::sync::atomic::{AtomicU64, Ordering};

/// The largest scaled weight, and the number of rounds after which the order repeats.
const ROUNDS: u32 = u16::MAX as u32;

/// How far the phases of two neighbours are apart: half of [`ROUNDS`]. It keeps neighbours of the same
/// weight from being left out in the same rounds.
const OFFSET: u64 = ROUNDS as u64 / 2;

/// The largest weight, in units of the mean. It limits how many turns there are for each pick, in the
/// mean: a backend that reports a huge capacity cannot make picks expensive, nor get nearly all calls
/// of a large group.
const MOST_MEANS: f64 = 64.0;

/// Which backend gets which call: a static stride schedule.
///
/// The backends have their turns one after the other, in rounds. In each round a backend is picked or
/// left out, as its weight in proportion to the largest one requires, and the rounds in which it is
/// left out are evenly spread: in the order of the deadlines that earliest-deadline-first
/// scheduling has. So a pick costs a few multiplications, however many backends there are, and
/// threads need nothing in common but the weights.
///
/// Source: [gRFC A58](https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md);
/// the algorithm is that of C-core and grpc-go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// How many backends there are.
    len: u32,
    /// The stride of each backend; `None` if all have the same weight.
    strides: Option<Box<[Stride]>>,
}

/// The rounds in which a backend is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stride {
    /// The weight, from 1 to [`ROUNDS`], which one of the backends has.
    weight: u16,
    /// Where the backend begins, below [`ROUNDS`].
    phase: u16,
}

impl Stride {
    fn new(index: usize, weight: u16) -> Self {
        let phase = index as u64 * OFFSET % u64::from(ROUNDS);
        Self {
            weight,
            phase: phase as u16,
        }
    }

    /// Returns whether the backend is picked in this round, which is below [`ROUNDS`].
    fn is_picked(self, round: u32) -> bool {
        let weight = u32::from(self.weight);
        // At most 65,535 * 65,534 + 65,534: it fits.
        let position = weight * round + u32::from(self.phase);
        position % ROUNDS >= ROUNDS - weight
    }
}

impl Schedule {
    /// Creates the schedule of backends that all count the same.
    pub(super) fn even(len: usize) -> Self {
        Self {
            len: u32::try_from(len).unwrap_or(u32::MAX),
            strides: None,
        }
    }

    /// Creates the schedule of backends with these weights, from 1 to [`ROUNDS`].
    pub(super) fn of_scaled(weights: impl Iterator<Item = u16>) -> Self {
        let strides = weights.enumerate();
        let strides = strides.map(|(index, weight)| Stride::new(index, weight));
        let strides: Box<[Stride]> = strides.collect();
        Self {
            len: u32::try_from(strides.len()).unwrap_or(u32::MAX),
            strides: Some(strides),
        }
    }

    /// Returns the index of the backend that gets the next call of a thread; `None` if there are no
    /// backends. `turn` is the thread's position in the schedule, and moves on.
    ///
    /// Two threads that use the same position at the same time may pick the same backend once. That
    /// is cheaper than an atomic addition for each turn, and no backend gains by it.
    pub(super) fn next(&self, turn: &AtomicU64) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let mut at = Turn::from_bits(turn.load(Ordering::Relaxed));
        // A turn may come from a schedule with more backends.
        if at.index >= self.len {
            at.advance(self.len);
        }
        if let Some(strides) = &self.strides {
            // In each round at least the backend with the largest weight is picked.
            while !strides[at.index as usize].is_picked(at.round) {
                at.advance(self.len);
            }
        }
        let picked = at.index as usize;
        at.advance(self.len);
        turn.store(at.to_bits(), Ordering::Relaxed);
        Some(picked)
    }
}

/// A position in a schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// The number of the round, below [`ROUNDS`].
    round: u32,
    /// The index of the backend.
    index: u32,
}

impl Turn {
    /// Creates a position from random numbers below the number of backends and below [`ROUNDS`].
    pub(super) fn random(len: usize, mut below: impl FnMut(usize) -> usize) -> Self {
        Self {
            round: u32::try_from(below(ROUNDS as usize)).unwrap_or(0),
            index: u32::try_from(below(len)).unwrap_or(0),
        }
    }

    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.round) << 32 | u64::from(self.index)
    }

    fn from_bits(bits: u64) -> Self {
        Self {
            round: (bits >> 32) as u32,
            index: bits as u32,
        }
    }

    fn advance(&mut self, len: u32) {
        self.index += 1;
        if self.index >= len {
            self.index = 0;
            self.round = if self.round + 1 < ROUNDS {
                self.round + 1
            } else {
                0
            };
        }
    }
}

/// Weights as numbers of which the largest is [`ROUNDS`].
#[derive(Debug)]
pub(super) struct Scale {
    /// The weight of each backend, from 1 to [`ROUNDS`].
    pub(super) weights: Box<[u16]>,
    /// What a weight that is not known counts: the mean of the others.
    pub(super) unknown: u16,
}

impl Scale {
    /// Scales weights, which are above 0 and finite. `None` is a weight that is not known: it counts
    /// as the mean of the others. Returns `None` if all count the same, as they do with fewer than two
    /// known weights.
    pub(super) fn new(weights: &[Option<f64>]) -> Option<Self> {
        let known = || weights.iter().flatten();
        let count = known().count();
        if count < 2 {
            return None;
        }
        let largest = known().copied().fold(0.0, f64::max);
        // Fractions of the largest, because a sum of very large numbers might not be finite.
        let fractions = || known().map(|weight| weight / largest);
        let limit = limit(fractions(), count as f64);
        let mean = fractions().map(|fraction| fraction.min(limit)).sum::<f64>() / count as f64;
        let scaled = |fraction: f64| {
            let scaled = fraction / limit * f64::from(ROUNDS);
            scaled.round().clamp(1.0, ROUNDS.into()) as u16
        };
        let fraction =
            |weight: &Option<f64>| weight.map_or(mean, |weight| (weight / largest).min(limit));
        let weights: Box<[u16]> = weights.iter().map(fraction).map(scaled).collect();
        let is_uneven = weights.iter().any(|weight| *weight != weights[0]);
        is_uneven.then(|| Self {
            weights,
            unknown: scaled(mean),
        })
    }

    /// Returns true if a pick among `count` backends whose weights have this sum takes few turns: at
    /// most twice as many as where the largest weight is limited.
    pub(super) fn is_dense(sum: u64, count: usize) -> bool {
        let turns = f64::from(ROUNDS) * count as f64 / sum as f64;
        turns <= 2.0 * MOST_MEANS
    }
}

/// Returns the number to which weights are limited, so that the largest one is at most [`MOST_MEANS`]
/// times the mean of all of them, those that are limited included. The largest weight is 1.
fn limit(weights: impl Iterator<Item = f64> + Clone, count: f64) -> f64 {
    if weights.clone().sum::<f64>() * MOST_MEANS >= count {
        return 1.0;
    }
    let mut rising: Vec<f64> = weights.collect();
    rising.sort_by(f64::total_cmp);
    // The sum of each weight and all smaller ones.
    let sums = rising.iter().scan(0.0, |sum, weight| {
        *sum += weight;
        Some(*sum)
    });
    let sums: Vec<f64> = sums.collect();
    let mut limited = 0.0;
    for (weight, rest) in rising.iter().zip(&sums).rev().skip(1) {
        limited += 1.0;
        // The largest ones are limited: limit = MOST_MEANS * (rest + limited * limit) / count.
        let limit = MOST_MEANS * rest / (count - MOST_MEANS * limited);
        if *weight <= limit || limit <= 0.0 {
            return limit.clamp(f64::MIN_POSITIVE, 1.0);
        }
    }
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how often each backend is picked.
    fn counts(weights: &[f64], picks: usize, start: Turn) -> Vec<usize> {
        let weights: Vec<Option<f64>> = weights.iter().copied().map(Some).collect();
        let schedule = schedule(&weights);
        let turn = AtomicU64::new(start.to_bits());
        let mut counts = vec![0; weights.len()];
        for _ in 0..picks {
            counts[schedule.next(&turn).expect("a backend")] += 1;
        }
        counts
    }

    /// Returns the schedule of backends with these weights.
    fn schedule(weights: &[Option<f64>]) -> Schedule {
        let even = || Schedule::even(weights.len());
        let of_scale = |scale: Scale| Schedule::of_scaled(scale.weights.iter().copied());
        Scale::new(weights).map_or_else(even, of_scale)
    }

    /// A position that a random generator may give.
    fn start(round: u32, index: u32) -> Turn {
        Turn { round, index }
    }

    /// The weights are scaled so that the largest is 65,535; a weight that is not known is the mean.
    #[test]
    fn scaling() {
        let check = |weights: &[Option<f64>], expected: Option<&[u16]>| {
            let scale = Scale::new(weights);
            let scaled = scale.as_ref().map(|scale| &*scale.weights);
            assert_eq!(scaled, expected, "{weights:?}");
        };
        check(&[], None);
        check(&[Some(3.0)], None);
        check(&[None, None, None], None);
        check(&[Some(3.0), None, None], None);
        check(&[Some(3.0), Some(3.0), None], None);
        check(&[Some(1.0), Some(3.0)], Some(&[21_845, 65_535]));
        let with_mean = [Some(1.0), None, Some(3.0)];
        check(&with_mean, Some(&[21_845, 43_690, 65_535]));
        check(&[Some(1e-300), Some(1e300)], Some(&[1, 65_535]));
        check(
            &[Some(f64::MAX), Some(f64::MAX / 2.0)],
            Some(&[65_535, 32_768]),
        );
    }

    /// Backends with a huge weight count as 64 times the mean: the others get calls, and a pick has few
    /// turns.
    #[test]
    fn the_largest_weights_are_limited() {
        for huge in [1e3, 1e12, 1e300] {
            let mut weights = vec![1.0; 1000];
            (weights[7], weights[800]) = (huge, huge / 2.0);
            let counts = counts(&weights, 100_000, start(0, 0));
            for large in [counts[7], counts[800]] {
                assert!((6_300..6_500).contains(&large), "{huge}: {large}");
            }
            let others = counts.iter().filter(|count| (86..89).contains(*count));
            assert_eq!(others.count(), 998);
        }
        // A weight of 20 times the mean counts in full.
        let mut weights = vec![1.0; 1000];
        weights[7] = 20.0;
        let counts = counts(&weights, 101_900, start(0, 0));
        assert!((1_990..2_010).contains(&counts[7]), "{}", counts[7]);
    }

    /// Equal weights are round robin: exactly even.
    #[test]
    fn equal_weights() {
        assert_eq!(counts(&[2.0; 7], 7000, start(65_534, 3)), [1000; 7]);
    }

    /// Each backend gets its share of 100,000 picks within 1 %, and of a few picks within a few.
    #[test]
    fn shares() {
        let many: Vec<f64> = (1..=100).map(f64::from).collect();
        for weights in [
            &many[..],
            &[1.0, 3.0],
            &[1.0, 2.0, 3.0, 4.0],
            &[0.3, 0.31, 0.29, 1.0, 0.01],
            &[100.0, 1.0],
            &[8.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        ] {
            let sum: f64 = weights.iter().sum();
            for from in [start(0, 0), start(40_000, 1), start(65_530, 0)] {
                for picks in [10, 1_000, 100_000] {
                    let counts = counts(weights, picks, from);
                    for (count, weight) in counts.iter().zip(weights) {
                        let share = picks as f64 * weight / sum;
                        let off = (*count as f64 - share).abs();
                        let most = (share * 0.01).max(2.0);
                        assert!(off <= most, "{weights:?}: {counts:?} of {picks}");
                    }
                }
            }
        }
    }

    /// A backend with half of the calls gets at most two in a row.
    #[test]
    fn no_bursts() {
        let weights = [Some(1.0), Some(2.0), Some(3.0)];
        let schedule = schedule(&weights);
        let turn = AtomicU64::new(0);
        let picks: Vec<_> = (0..100_000).map(|_| schedule.next(&turn)).collect();
        let mut triples = picks.windows(3);
        assert!(!triples.any(|triple| triple[0] == triple[1] && triple[1] == triple[2]));
    }

    /// A position of a larger schedule is one of a smaller schedule, too.
    #[test]
    fn fewer_backends() {
        let schedule = Schedule::even(2);
        let turn = AtomicU64::new(start(3, 900).to_bits());
        assert_eq!(schedule.next(&turn), Some(0));
        assert_eq!(schedule.next(&turn), Some(1));
        assert_eq!(Schedule::even(0).next(&turn), None);
    }
}
