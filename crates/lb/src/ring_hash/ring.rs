//! The ring: which endpoint a hash belongs to.

use std::fmt::Write;

use twox_hash::XxHash64;

/// The seed of XXH64.
///
/// Source: [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md).
pub(super) const SEED: u64 = 0;

/// An endpoint that gets entries on the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RingMember {
    /// Its hash key or first address. The hash of an entry is that of `key_number`.
    pub(super) key: String,
    /// Its share of the entries, relative to the others; at least 1.
    pub(super) weight: u64,
    /// The slot of its child.
    pub(super) slot: u32,
}

/// The hashes of all entries in order, each with the slot of its endpoint.
///
/// An entry has the hashes up to its own, from that of the entry before; the first entry also has
/// those after the last one.
#[derive(Debug, Default)]
pub(super) struct Ring {
    hashes: Box<[u64]>,
    slots: Box<[u32]>,
}

impl Ring {
    /// Creates the ring of these members; it is empty if there are none.
    ///
    /// It has the fewest entries, at least `min` and at most `max`, of which the member with the
    /// least weight gets a whole number. The members, and so the rounding of their shares, are in
    /// the order of their keys: equal lists give equal rings in all clients. An entry keeps its hash
    /// when other members come and go.
    ///
    /// Source: gRFC A42, "ring_hash_experimental LB policy". The arithmetic is that of Envoy and
    /// grpc-go, so that clients in several languages agree.
    pub(super) fn new(mut members: Vec<RingMember>, min: u32, max: u32) -> Self {
        members.sort_unstable_by(|one, other| (&one.key, one.slot).cmp(&(&other.key, other.slot)));
        let total: f64 = members.iter().map(|member| member.weight as f64).sum();
        let shares = members.iter().map(|member| member.weight as f64 / total);
        let least_share = shares.clone().fold(1.0, f64::min);
        let scale = ((least_share * f64::from(min)).ceil() / least_share).min(f64::from(max));
        let mut entries: Vec<(u64, u32)> = Vec::new();
        let mut target = 0.0;
        let mut text = String::new();
        for (member, share) in members.iter().zip(shares) {
            target += scale * share;
            let mut number = 0;
            while (entries.len() as f64) < target && entries.len() < max as usize {
                text.clear();
                let _ = write!(text, "{}_{number}", member.key);
                entries.push((XxHash64::oneshot(SEED, text.as_bytes()), member.slot));
                number += 1;
            }
        }
        entries.sort_by_key(|&(hash, _)| hash);
        Self {
            hashes: entries.iter().map(|&(hash, _)| hash).collect(),
            slots: entries.iter().map(|&(_, slot)| slot).collect(),
        }
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Returns the position of the entry that `hash` belongs to: the first one whose hash is not
    /// smaller, or else the first of all.
    pub(super) fn position(&self, hash: u64) -> usize {
        let position = self.hashes.partition_point(|entry| *entry < hash);
        if position == self.hashes.len() {
            0
        } else {
            position
        }
    }

    /// Iterates over the slots of all entries once around the ring, from this position.
    pub(super) fn walk(&self, position: usize) -> impl Iterator<Item = usize> {
        let (before, after) = self.slots.split_at(position);
        after.iter().chain(before).map(|slot| *slot as usize)
    }
}

#[cfg(test)]
mod tests {
    use twox_hash::XxHash64;

    use super::{Ring, RingMember, SEED};

    /// The members `a`, `b` and so on, with these weights.
    fn members(weights: &[u64]) -> Vec<RingMember> {
        let members = ('a'..).zip(0..).zip(weights);
        members
            .map(|((name, slot), weight)| RingMember {
                key: name.to_string(),
                weight: *weight,
                slot,
            })
            .collect()
    }

    /// Returns how many entries each of `count` members has.
    fn entries(ring: &Ring, count: usize) -> Vec<usize> {
        let of = |member| ring.walk(0).filter(|slot| *slot == member).count();
        (0..count).map(of).collect()
    }

    /// [The vectors of xxHash](https://github.com/Cyan4973/xxHash/blob/dev/tests/sanity_test_vectors.h)
    /// that are published most often.
    #[test]
    fn xxh64() {
        let vectors = [
            ("", 0, 0xef46_db37_51d8_e999),
            ("a", 0, 0xd24e_c4f1_a98c_6e5b),
            ("abc", 0, 0x44bc_2cf5_ad77_0999),
            ("xxhash", 20_141_025, 0xb559_b98d_844e_0635),
        ];
        for (text, seed, hash) in vectors {
            assert_eq!(XxHash64::oneshot(seed, text.as_bytes()), hash, "{text}");
        }
    }

    /// The ring of grpc-go's tests, made by another program: Envoy and gRPC in any language have it
    /// too.
    #[test]
    fn a_ring_of_other_clients() {
        let ring = Ring::new(members(&[3, 3, 4]), 10, 20);
        let expected = [
            (0x3991_a682_4c71_53a5, 0),
            (0x3a24_9880_80de_f0d8, 1),
            (0x461a_fe86_2b85_63d7, 2),
            (0x4e3d_083a_4cbb_d78c, 1),
            (0x5b0c_fd75_da01_57cc, 1),
            (0x6d2c_ebf8_2cdb_f7ac, 0),
            (0x7100_5f19_3d29_a49f, 2),
            (0xc9fa_a522_0563_fbac, 2),
            (0xcd69_c9d3_5c20_2bc2, 2),
            (0xfa0c_c500_4b3d_4c53, 0),
        ];
        let found = ring.hashes.iter().copied().zip(ring.slots.iter().copied());
        assert_eq!(found.collect::<Vec<_>>(), expected);
        // The order of the members does not matter.
        let mut reversed = members(&[3, 3, 4]);
        reversed.reverse();
        assert_eq!(Ring::new(reversed, 10, 20).hashes, ring.hashes);
    }

    /// The size: the least one from `min` on of which the smallest member gets a whole number of
    /// entries, and at most `max`.
    #[test]
    fn sizes() {
        let cases = [
            (3, 20, [1, 1, 2]),
            (4, 20, [2, 2, 3]),
            (6, 20, [2, 2, 3]),
            (8, 20, [3, 3, 4]),
            (3, 8, [1, 1, 2]),
            (8, 8, [3, 2, 3]),
        ];
        for (min, max, expected) in cases {
            let ring = Ring::new(members(&[3, 3, 4]), min, max);
            assert_eq!(entries(&ring, 3), expected, "{min} to {max}");
        }
        assert_eq!(entries(&Ring::new(members(&[1]), 1, 1), 1), [1]);
        assert_eq!(entries(&Ring::new(Vec::new(), 10, 20), 0), [0; 0]);
    }

    /// Weights whose sum is above 2^32 are no special case.
    #[test]
    fn large_weights() {
        let ring = Ring::new(members(&[1 << 31, 1 << 31, 1 << 30]), 1024, 4096);
        assert_eq!(entries(&ring, 3), [410, 410, 205]);
        let ring = Ring::new(members(&[1, u64::from(u32::MAX)]), 1024, 4096);
        assert_eq!(entries(&ring, 2), [1, 4095]);
    }

    /// More members than entries: some have none.
    #[test]
    fn more_members_than_entries() {
        let members = (0..100).map(|slot| RingMember {
            key: format!("10.0.0.{slot}:443"),
            weight: 1,
            slot,
        });
        let ring = Ring::new(members.collect(), 1, 10);
        let entries = entries(&ring, 100);
        assert_eq!(entries.iter().sum::<usize>(), 10);
        assert!(entries.iter().all(|count| *count <= 1), "{entries:?}");
    }

    /// A hash belongs to the entry that is equal or follows, and after the last one to the first.
    #[test]
    fn positions() {
        let ring = Ring::new(members(&[3, 3, 4]), 10, 20);
        let last = ring.hashes.len() - 1;
        for (position, hash) in ring.hashes.iter().enumerate() {
            assert_eq!(ring.position(*hash), position);
            assert_eq!(ring.position(hash - 1), position);
            let next = if position == last { 0 } else { position + 1 };
            assert_eq!(ring.position(hash + 1), next);
        }
        for (text, position) in [("1", 7), ("2", 5), ("3", 0), ("4", 7)] {
            let hash = XxHash64::oneshot(SEED, text.as_bytes());
            assert_eq!(ring.position(hash), position, "{text}");
        }
        let slots: Vec<usize> = ring.walk(8).collect();
        assert_eq!(slots, [2, 0, 0, 1, 2, 1, 1, 0, 2, 2]);
        assert_eq!(Ring::default().position(7), 0);
    }
}
