//! Hashes that are the same in every run.

use std::hash::{Hash, Hasher};

use crate::{Address, Location};

/// A hash function that multiplies 64-bit words, and folds each 128-bit product.
///
/// It has no seed, so that a run can be repeated. An attacker that chooses the addresses of a
/// service can make some of them collide, which costs time in proportion to their number. Such an
/// attacker can do more harm by naming the wrong servers.
#[derive(Clone, Copy)]
pub(crate) struct Mix(u64);

/// Two odd constants with evenly distributed bits: the fractions of the golden ratio and of e.
///
/// A first word equal to `START` makes the product 0, whatever the second word is. No IPv6 network
/// has it as its prefix, because it lies in a000::/3, of which [nothing is
/// assigned](https://www.iana.org/assignments/ipv6-address-space).
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
const START: u64 = 0xB7E1_5162_8AED_2A6B;

impl Mix {
    pub(crate) const fn new() -> Self {
        Self(START)
    }

    /// Mixes one word in.
    pub(crate) const fn word(self, word: u64) -> Self {
        self.words(word, 0)
    }

    /// Mixes two words in, at the cost of one.
    pub(crate) const fn words(self, word: u64, other: u64) -> Self {
        let product = (self.0 ^ word) as u128 * (MULTIPLIER ^ other) as u128;
        Self((product >> 64) as u64 ^ product as u64)
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            *self = self.word(u64::from_le_bytes(word));
        }
        *self = self.word(bytes.len() as u64);
    }

    fn write_u8(&mut self, byte: u8) {
        *self = self.word(u64::from(byte));
    }

    fn write_u64(&mut self, word: u64) {
        *self = self.word(word);
    }

    fn write_usize(&mut self, word: usize) {
        *self = self.word(word as u64);
    }

    fn finish(&self) -> u64 {
        // One more round, so that the low bits depend on every bit of the last word.
        self.word(START).0
    }
}

impl Location {
    /// Returns the hash of this location, to mix more in.
    pub(crate) fn mix(&self) -> Mix {
        use std::net::SocketAddr::{V4, V6};
        let mix = Mix::new();
        match self {
            // Nearly all locations are of these two kinds: one round for IPv4, two for IPv6.
            Self::Socket(V4(address)) => {
                let ip = u64::from(u32::from(*address.ip()));
                mix.word(ip << 16 | u64::from(address.port()))
            }
            Self::Socket(V6(address)) => {
                let ip = u128::from(*address.ip());
                mix.words((ip >> 64) as u64, ip as u64)
                    .word(u64::from(address.port()) << 32 | u64::from(address.scope_id()))
            }
            other => {
                let mut mix = mix;
                other.hash(&mut mix);
                mix
            }
        }
    }
}

/// Returns the hash of a set of locations. It does not depend on their order, nor on how often each
/// one is in the list.
pub(crate) fn of_locations(addresses: &[Address]) -> u64 {
    let hash = |address: &Address| address.location().mix().finish();
    match addresses {
        [] => 0,
        [one] => hash(one),
        [one, other] => match (hash(one), hash(other)) {
            (one, other) if one == other => one,
            (one, other) => one.wrapping_add(other),
        },
        few if few.len() <= FEW => {
            let mut seen = [0; FEW];
            let mut count = 0;
            for address in few {
                let hash = hash(address);
                if !seen[..count].contains(&hash) {
                    seen[count] = hash;
                    count += 1;
                }
            }
            sum(&seen[..count])
        }
        many => {
            let mut hashes: Vec<u64> = many.iter().map(hash).collect();
            hashes.sort_unstable();
            hashes.dedup();
            sum(&hashes)
        }
    }
}

/// Up to this many addresses are compared in pairs, which allocates nothing. More addresses are
/// sorted.
pub(crate) const FEW: usize = 8;

fn sum(hashes: &[u64]) -> u64 {
    hashes.iter().fold(0, |sum, hash| sum.wrapping_add(*hash))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{Ipv6Addr, SocketAddr};

    use super::*;

    /// The hosts of a network have different hashes, also when its prefix is made of bits like
    /// those of our constants.
    #[test]
    fn hosts_of_one_network() {
        for prefix in [0x2001_0DB8_0000_0000_u64, 0x243F_6A88_85A3_08D3] {
            let hosts = (0..1000_u64).map(|host| {
                let ip = Ipv6Addr::from_bits(u128::from(prefix) << 64 | u128::from(host));
                Location::from(SocketAddr::from((ip, 443))).mix().finish()
            });
            assert_eq!(hosts.collect::<BTreeSet<_>>().len(), 1000, "{prefix:x}");
        }
    }
}
