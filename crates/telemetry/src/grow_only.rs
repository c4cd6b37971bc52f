//! A map that is read by calls without a lock, and only grows.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use trunkline_runtime::Lock;

/// A map that only grows, up to a number of entries.
///
/// An entry that exists is found without a lock, and without an allocation. A new one copies the
/// map, so it is for few keys that are used often.
#[derive(Debug)]
pub(crate) struct GrowOnly<K, V> {
    /// Hashed fast: the keys are the program's own, and there are few.
    known: ArcSwap<HashMap<K, Arc<V>, RandomState>>,
    /// Held while an entry is added.
    adding: Lock<()>,
    max: usize,
}

impl<K: Eq + Hash + Clone, V> GrowOnly<K, V> {
    /// Returns an empty map for at most `max` entries.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            known: ArcSwap::default(),
            adding: Lock::default(),
            max,
        }
    }

    /// Calls `f` with the value of the key, and returns what it returns.
    ///
    /// Where the key is new, `make` makes its entry. `f` gets `None` if `make` returns `None`, or if
    /// the map is full.
    pub(crate) fn with<Q, R>(
        &self,
        key: &Q,
        make: impl FnOnce() -> Option<(K, V)>,
        f: impl FnOnce(Option<&V>) -> R,
    ) -> R
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let known = self.known.load();
        if let Some(value) = known.get(key) {
            return f(Some(value));
        }
        let is_full = known.len() >= self.max;
        drop(known);
        if is_full {
            return f(None);
        }
        let made = make();
        let value = made.and_then(|(owned, value)| self.add(key, owned, value));
        f(value.as_deref())
    }

    /// Adds an entry, unless there are too many. Another thread may have added it meanwhile.
    fn add<Q>(&self, key: &Q, owned: K, value: V) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let _adding = self.adding.lock();
        let known = self.known.load_full();
        if let Some(value) = known.get(key) {
            return Some(Arc::clone(value));
        }
        if known.len() >= self.max {
            return None;
        }
        let value = Arc::new(value);
        let mut known = HashMap::clone(&known);
        known.insert(owned, Arc::clone(&value));
        self.known.store(Arc::new(known));
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries are made once, up to the limit. A key that is refused is asked for again.
    #[test]
    fn entries_are_made_once() {
        let map = GrowOnly::<String, usize>::new(2);
        let get = |key: &str, value: Option<usize>| {
            let entry = || value.map(|value| (key.to_owned(), value));
            map.with(key, entry, |value| value.copied())
        };
        assert_eq!(get("a", Some(1)), Some(1));
        assert_eq!(get("a", Some(2)), Some(1));
        assert_eq!(get("b", None), None);
        assert_eq!(get("b", Some(3)), Some(3));
        assert_eq!(get("c", Some(4)), None);
        assert_eq!(get("b", Some(5)), Some(3));
    }

    /// Threads that add the same key at the same time use one entry.
    #[test]
    fn threads_share_entries() {
        let map = GrowOnly::<String, std::sync::atomic::AtomicUsize>::new(8);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..800 {
                        let key = (number % 10).to_string();
                        map.with(
                            &key,
                            || Some((key.clone(), 0.into())),
                            |value| {
                                if let Some(value) = value {
                                    value.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                                }
                            },
                        );
                    }
                });
            }
        });
        let known = map.known.load();
        assert_eq!(known.len(), 8);
        for key in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] {
            if let Some(value) = known.get(key) {
                assert_eq!(
                    value.load(std::sync::atomic::Ordering::Relaxed),
                    320,
                    "{key}"
                );
            }
        }
    }
}
