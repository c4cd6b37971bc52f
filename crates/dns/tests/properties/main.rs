//! Properties that hold for any octets, tried with mutated and random input from a fixed seed. Each
//! is a function of octets, so that a fuzzer can drive it too.

mod engine;
mod files;
mod packets;

/// A generator for tests: xorshift64*.
pub(crate) struct Octets(u64);

impl Octets {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let number = self.next() >> 33;
        usize::try_from(number).unwrap_or(0) % bound.max(1)
    }

    pub(crate) fn octet(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// Random octets, fewer than `bound`.
    pub(crate) fn some(&mut self, bound: usize) -> Vec<u8> {
        let length = self.below(bound);
        (0..length).map(|_| self.octet()).collect()
    }

    /// A good input with some octets changed, dropped, doubled, or its end cut.
    pub(crate) fn mutate(&mut self, good: &[u8]) -> Vec<u8> {
        const TELLING: [u8; 10] = [0, 1, 0xff, 0xc0, 0x0c, 0x3f, 0x40, 0x80, b'\n', b'.'];
        let mut octets = good.to_vec();
        for _ in 0..=self.below(6) {
            if octets.is_empty() {
                break;
            }
            let at = self.below(octets.len());
            match self.below(6) {
                0 => octets[at] = self.octet(),
                1 => octets[at] = TELLING[self.below(TELLING.len())],
                2 => octets[at] ^= 1 << self.below(8),
                3 => drop(octets.remove(at)),
                4 => octets.insert(at, octets[at]),
                _ => octets.truncate(at),
            }
        }
        octets
    }
}
