//! A map that is read by calls without a lock, and only grows.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use trunkline_runtime::Lock;

/// The number of slots in the first part. Each further part has twice as many as the one before.
const FIRST_PART: usize = 16;

/// The most parts: together they have slots for a quarter of a million entries.
const PARTS: usize = 14;

/// The slots of a part that an entry can be in.
const WINDOW: usize = 4;

/// A map that only grows, up to a number of entries.
///
/// An entry that exists is found without a lock, without a write to shared memory, and without an
/// allocation. Entries never move, so each has a [place](Found::place), which finds it without its key.
///
/// An entry is in one of [`WINDOW`] slots of a part, which its hash chooses: in the first free one of
/// the first part that has one. So a free slot shows that the entry is in no later slot and part.
#[derive(Debug)]
pub(crate) struct GrowOnly<K, V> {
    parts: [OnceLock<Part<K, V>>; PARTS],
    /// Fast: the keys are the program's own, and there are few.
    hasher: RandomState,
    /// The number of entries.
    count: AtomicUsize,
    /// Held while an entry is added.
    adding: Lock<()>,
    max: usize,
}

/// The slots of a part.
type Part<K, V> = Box<[Slot<K, V>]>;

type Slot<K, V> = OnceLock<Box<Entry<K, V>>>;

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
}

/// An entry that was found or added.
#[derive(Debug)]
pub(crate) struct Found<'a, V> {
    /// Where it is. It never moves.
    pub(crate) place: Place,
    pub(crate) value: &'a V,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) part: u32,
    pub(crate) slot: u32,
}

/// The result of a search for a key.
enum Search<'a, V> {
    Found(Found<'a, V>),
    /// The key is new. Its entry belongs in this place.
    Free(Place),
    /// The key is new, and all slots that it can be in are taken.
    Full,
}

impl<K, V> GrowOnly<K, V> {
    /// Returns an empty map for at most `max` entries.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            parts: [const { OnceLock::new() }; PARTS],
            hasher: RandomState::default(),
            count: AtomicUsize::new(0),
            adding: Lock::default(),
            max,
        }
    }

    /// Returns the entry of the key.
    ///
    /// Where the key is new, `make` makes its entry. The result is `None` if `make` returns `None`, or
    /// if the map is full.
    pub(crate) fn find_or_add<Q>(
        &self,
        key: &Q,
        make: impl FnOnce() -> Option<(K, V)>,
    ) -> Option<Found<'_, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.find_or_add_by(key, |own| own.borrow() == key, make)
    }

    /// Returns the entry of a key, as [`find_or_add`](Self::find_or_add) does, where the key is known in a
    /// form that cannot be borrowed from `K`: `is` compares it with a key. Each form must have the same hash
    /// at each call.
    pub(crate) fn find_or_add_by(
        &self,
        key: &(impl Hash + ?Sized),
        is: impl Fn(&K) -> bool,
        make: impl FnOnce() -> Option<(K, V)>,
    ) -> Option<Found<'_, V>> {
        let hash = self.hasher.hash_one(key);
        if let Search::Found(found) = self.search(&is, hash) {
            return Some(found);
        }
        if self.count.load(Ordering::Relaxed) >= self.max {
            return None;
        }
        let made = make()?;
        self.add(is, hash, made)
    }

    /// Returns the value of the entry in a place.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> Option<&V> {
        Some(&self.entry(place)?.value)
    }

    /// Returns whether the entry in a place is that of the key.
    #[inline]
    pub(crate) fn is_at<Q>(&self, place: Place, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let entry = self.entry(place);
        entry.is_some_and(|entry| entry.key.borrow() == key)
    }

    #[inline]
    fn entry(&self, place: Place) -> Option<&Entry<K, V>> {
        let slots = self.parts.get(place.part as usize)?.get()?;
        let entry = slots.get(place.slot as usize)?.get()?;
        Some(entry)
    }

    /// Adds an entry, unless there are too many. Another thread may have added it meanwhile.
    fn add(
        &self,
        is: impl Fn(&K) -> bool,
        hash: u64,
        (key, value): (K, V),
    ) -> Option<Found<'_, V>> {
        let _adding = self.adding.lock();
        let count = self.count.load(Ordering::Relaxed);
        let place = match self.search(&is, hash) {
            Search::Found(found) => return Some(found),
            Search::Free(place) if count < self.max => place,
            Search::Free(_) | Search::Full => return None,
        };
        self.count.store(count + 1, Ordering::Relaxed);
        let part = place.part as usize;
        let slots = self.parts[part].get_or_init(|| free_slots(part));
        let entry = Entry { key, value };
        let entry = slots[place.slot as usize].get_or_init(|| Box::new(entry));
        let value = &entry.value;
        Some(Found { place, value })
    }

    fn search(&self, is: &impl Fn(&K) -> bool, hash: u64) -> Search<'_, V> {
        for (part, slots) in (0..).zip(&self.parts) {
            let len = FIRST_PART << part;
            for step in 0..WINDOW {
                let slot = (hash as usize).wrapping_add(step) & (len - 1);
                let place = Place {
                    part,
                    slot: slot as u32,
                };
                let Some(entry) = slots.get().and_then(|slots| slots[slot].get()) else {
                    return Search::Free(place);
                };
                if is(&entry.key) {
                    let value = &entry.value;
                    return Search::Found(Found { place, value });
                }
            }
        }
        Search::Full
    }
}

fn free_slots<K, V>(part: usize) -> Part<K, V> {
    (0..FIRST_PART << part).map(|_| OnceLock::new()).collect()
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
            map.find_or_add(key, entry).map(|found| *found.value)
        };
        assert_eq!(get("a", Some(1)), Some(1));
        assert_eq!(get("a", Some(2)), Some(1));
        assert_eq!(get("b", None), None);
        assert_eq!(get("b", Some(3)), Some(3));
        assert_eq!(get("c", Some(4)), None);
        assert_eq!(get("b", Some(5)), Some(3));
    }

    /// An entry stays in its place while others are added, and each has another place.
    #[test]
    fn entries_stay_in_their_places() {
        let map = GrowOnly::<usize, usize>::new(10_000);
        let add = |key: usize| {
            map.find_or_add(&key, || Some((key, key)))
                .map(|own| own.place)
        };
        let places: Vec<_> = (0..10_000).map(|key| add(key).expect("a place")).collect();
        for (key, place) in places.iter().enumerate() {
            assert_eq!(map.at(*place), Some(&key));
            assert_eq!(add(key), Some(*place));
        }
        for (part, slot) in [(13, 0), (0, 16), (u32::MAX, 0)] {
            assert_eq!(map.at(Place { part, slot }), None);
        }
        assert_eq!(add(10_000), None);
    }

    /// Threads that add the same key at the same time use one entry.
    #[test]
    fn threads_share_entries() {
        let map = GrowOnly::<String, AtomicUsize>::new(8);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..800 {
                        let key = (number % 10).to_string();
                        let make = || Some((key.clone(), 0.into()));
                        if let Some(found) = map.find_or_add(&key, make) {
                            found.value.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(map.count.load(Ordering::Relaxed), 8);
        for number in 0..10 {
            if let Some(found) = map.find_or_add(&number.to_string(), || None) {
                assert_eq!(found.value.load(Ordering::Relaxed), 320, "{number}");
            }
        }
    }
}
