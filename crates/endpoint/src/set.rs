//! Lists of addresses, compared as sets.

use crate::Address;
use crate::hash::FEW;

/// True when two lists have the same set of keys, in any order, each any number of times.
pub(crate) fn same_set<K: Ord + ?Sized>(
    a: &[Address],
    b: &[Address],
    key: impl Fn(&Address) -> &K,
) -> bool {
    let key = &key;
    // Mostly both lists have the same order, so this is tried first.
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
