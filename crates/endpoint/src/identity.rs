//! What makes two map keys the same.

use std::hash::Hasher;

use crate::hash::{FEW, of_locations};
use crate::{Address, Endpoint};

/// The identity by which an [`IdentityMap`](crate::IdentityMap) tells its keys apart, where it is
/// less than equality.
pub trait Identity {
    /// Whether both are the same key.
    fn same_identity(&self, other: &Self) -> bool;

    /// A number that is the same for the same keys, in every run.
    fn identity_hash(&self) -> u64;
}

/// An address is known by what a connection to it depends on: see
/// [`same_connection`](Address::same_connection).
impl Identity for Address {
    fn same_identity(&self, other: &Self) -> bool {
        self.same_connection(other)
    }

    fn identity_hash(&self) -> u64 {
        let mut mix = self.location().mix();
        if let Some(name) = self.server_name() {
            mix.write(name.as_bytes());
        }
        // Attribute values have equality alone: their keys must do.
        self.attributes().hash_connection_keys(&mut mix);
        mix.finish()
    }
}

/// An endpoint is known by the set of places of its addresses: see
/// [`same_addresses`](Endpoint::same_addresses).
impl Identity for Endpoint {
    fn same_identity(&self, other: &Self) -> bool {
        self.same_addresses(other)
    }

    fn identity_hash(&self) -> u64 {
        of_locations(self.addresses())
    }
}

/// Whether two lists hold the same things by `key`, in any order and any number.
pub(crate) fn same_set<K: Ord + ?Sized>(
    a: &[Address],
    b: &[Address],
    key: impl Fn(&Address) -> &K,
) -> bool {
    let key = &key;
    // Mostly they stand in the same order: then no more is to be compared.
    if a.len() == b.len() && a.iter().zip(b).all(|(a, b)| key(a) == key(b)) {
        return true;
    }
    match (a, b) {
        ([_], [_]) => false,
        (a, b) if a.len() <= FEW && b.len() <= FEW => {
            let holds = |list: &[Address], one| list.iter().any(|other| key(other) == key(one));
            a.iter().all(|one| holds(b, one)) && b.iter().all(|one| holds(a, one))
        }
        (a, b) => {
            let sorted = |list: &'_ [Address]| -> Vec<usize> {
                let mut order: Vec<usize> = (0..list.len()).collect();
                order.sort_unstable_by(|&x, &y| key(&list[x]).cmp(key(&list[y])));
                order.dedup_by(|x, y| key(&list[*x]) == key(&list[*y]));
                order
            };
            let (a_order, b_order) = (sorted(a), sorted(b));
            a_order.len() == b_order.len()
                && a_order
                    .iter()
                    .zip(&b_order)
                    .all(|(&x, &y)| key(&a[x]) == key(&b[y]))
        }
    }
}
