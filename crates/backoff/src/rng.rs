//! The random generator of the channel, the policies and the resolvers.

/// A small, fast random generator whose numbers depend on its seed alone.
///
/// For jitter, shuffling and picking. Not for values that an attacker must not guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(fastrand::Rng);

impl Rng {
    /// Creates a generator with this seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Returns a seed for another, independent generator.
    pub fn next_seed(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Returns a number from 0 up to, but not including, `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { self.0.usize(..bound) }
    }

    /// Returns a number from 0 up to, but not including, 1.
    pub fn fraction(&mut self) -> f64 {
        self.0.f64()
    }

    /// Shuffles a slice.
    pub fn shuffle<T>(&mut self, slice: &mut [T]) {
        self.0.shuffle(slice);
    }
}
