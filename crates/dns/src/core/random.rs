//! Unpredictable numbers, from an unpredictable seed.

/// Bytes of a seed.
pub(crate) const SEED: usize = 32;

/// A generator from the ChaCha20 block function (RFC 8439 section 2.3): its next number cannot be
/// computed from earlier ones, as RFC 5452 section 9.2 requires of query ids.
#[derive(Clone)]
pub(crate) struct Random {
    key: [u32; 8],
    counter: u64,
    block: [u8; 64],
    used: usize,
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The state is secret: later ids follow from it.
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

impl Random {
    pub(crate) fn from_seed(seed: [u8; SEED]) -> Self {
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(seed.chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        Self {
            key,
            counter: 0,
            block: [0; 64],
            used: 64,
        }
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.used == self.block.len() {
                self.refill();
            }
            *byte = self.block[self.used];
            // A number that was used must not stay in memory.
            self.block[self.used] = 0;
            self.used += 1;
        }
    }

    pub(crate) fn seed(&mut self) -> [u8; SEED] {
        let mut seed = [0; SEED];
        self.fill(&mut seed);
        seed
    }

    pub(crate) fn u16(&mut self) -> u16 {
        let mut bytes = [0; 2];
        self.fill(&mut bytes);
        u16::from_le_bytes(bytes)
    }

    /// Returns a number from 0 to `bound` - 1; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let number = usize::from(self.u16()) << 16 | usize::from(self.u16());
        number.checked_rem(bound).unwrap_or(0)
    }

    /// Returns a number from 0 to below 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(self.u16()) / 65_536.0
    }

    fn refill(&mut self) {
        let mut state = [0_u32; 16];
        // "expand 32-byte k"
        state[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
        state[4..12].copy_from_slice(&self.key);
        let counter = self.counter.to_le_bytes();
        state[12] = u32::from_le_bytes([counter[0], counter[1], counter[2], counter[3]]);
        state[13] = u32::from_le_bytes([counter[4], counter[5], counter[6], counter[7]]);
        let start = state;
        for _ in 0..10 {
            quarter(&mut state, [0, 4, 8, 12]);
            quarter(&mut state, [1, 5, 9, 13]);
            quarter(&mut state, [2, 6, 10, 14]);
            quarter(&mut state, [3, 7, 11, 15]);
            quarter(&mut state, [0, 5, 10, 15]);
            quarter(&mut state, [1, 6, 11, 12]);
            quarter(&mut state, [2, 7, 8, 13]);
            quarter(&mut state, [3, 4, 9, 14]);
        }
        for ((out, word), first) in self.block.chunks_exact_mut(4).zip(state).zip(start) {
            out.copy_from_slice(&word.wrapping_add(first).to_le_bytes());
        }
        self.counter += 1;
        self.used = 0;
    }
}

fn quarter(s: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(16);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(12);
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(8);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(7);
}

#[cfg(test)]
mod tests {
    use super::Random;

    /// The first block for a key of zeros is that of RFC 8439 appendix A.1, test vector 1.
    #[test]
    fn the_first_block_is_that_of_the_rfc() {
        let mut bytes = [0; 16];
        Random::from_seed([0; 32]).fill(&mut bytes);
        let expected = [
            0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86,
            0xbd, 0x28,
        ];
        assert_eq!(bytes, expected);
    }
}
