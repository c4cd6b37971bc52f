//! The generator that cores draw from.

/// A small, fast generator whose numbers follow from its seed alone.
///
/// For jitter, shuffling and picking: not for anything that an attacker may not guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(fastrand::Rng);

impl Rng {
    /// A generator with this seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A seed for a generator of its own.
    pub fn next_seed(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number from 0 up to and without `bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { self.0.usize(..bound) }
    }

    /// A number from 0 up to and without 1.
    pub fn fraction(&mut self) -> f64 {
        self.0.f64()
    }

    /// Puts a slice into an order drawn from this generator.
    pub fn shuffle<T>(&mut self, slice: &mut [T]) {
        self.0.shuffle(slice);
    }
}
