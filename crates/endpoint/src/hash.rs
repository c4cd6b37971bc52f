//! A hash that is the same in every run.

use std::hash::{Hash, Hasher};

use crate::{Address, Location};

/// Mixes words by multiplying and folding the 128-bit product.
///
/// It has no seed, so that a run can be repeated. Somebody who chooses the addresses of a service
/// can make some of them collide, which costs time in proportion to their number and nothing else:
/// who may do that may as well name the wrong servers.
#[derive(Clone, Copy)]
pub(crate) struct Mix(u64);

/// Two odd constants with evenly spread bits (the fractions of the golden ratio and of e).
///
/// A first word that is `START` makes the product 0, whatever the second is. No IPv6 network has it
/// for its prefix: nothing of a000::/3 [is assigned](https://www.iana.org/assignments/ipv6-address-space).
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
const START: u64 = 0xB7E1_5162_8AED_2A6B;

impl Mix {
    pub(crate) const fn new() -> Self {
        Self(START)
    }

    pub(crate) const fn word(self, word: u64) -> Self {
        self.words(word, 0)
    }

    /// Two words for the price of one.
    pub(crate) const fn words(self, word: u64, other: u64) -> Self {
        let product = (self.0 ^ word) as u128 * (MULTIPLIER ^ other) as u128;
        Self((product >> 64) as u64 ^ product as u64)
    }
}

impl Hasher for Mix {
    fn write(&mut self, octets: &[u8]) {
        for chunk in octets.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            *self = self.word(u64::from_le_bytes(word));
        }
        *self = self.word(octets.len() as u64);
    }

    fn write_u8(&mut self, octet: u8) {
        *self = self.word(u64::from(octet));
    }

    fn write_u64(&mut self, word: u64) {
        *self = self.word(word);
    }

    fn write_usize(&mut self, word: usize) {
        *self = self.word(word as u64);
    }

    fn finish(&self) -> u64 {
        // One round more, so that the low bits depend on every bit of the last word.
        self.word(START).0
    }
}

impl Location {
    pub(crate) fn mix(&self) -> Mix {
        use std::net::SocketAddr::{V4, V6};
        let mix = Mix::new();
        match self {
            // By far the most: one round for IPv4, two for IPv6.
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

/// The hash of a set of locations: whatever their order, and however often each is there.
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

/// So many addresses are compared pair by pair, which allocates nothing; more are sorted.
pub(crate) const FEW: usize = 8;

fn sum(hashes: &[u64]) -> u64 {
    hashes.iter().fold(0, |sum, hash| sum.wrapping_add(*hash))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{Ipv6Addr, SocketAddr};

    use super::*;

    /// The hosts of a network have hashes of their own, where its prefix is a word of ours too.
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
