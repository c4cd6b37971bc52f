//! Where the methods of paths are, by the places of these paths in memory.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::grow_only::Place;

/// The number of hints of a channel.
const HINTS: usize = 64;

/// The number of bits of a slot in a hint.
const SLOT_BITS: u32 = 32;

/// The first hint: 0 is none.
const FIRST: u64 = 1;

/// Where the methods of paths probably are, by the places of these paths in memory.
///
/// A stub has its paths in static memory, so the address of a path finds its method, and the text need not be
/// hashed. What is found must be compared with the path: another text can have the same address later.
/// Hints are written once, so that threads share memory that does not change.
#[derive(Debug)]
pub(crate) struct PathHints([AtomicU64; HINTS]);

impl PathHints {
    pub(crate) fn new() -> Self {
        Self([const { AtomicU64::new(0) }; HINTS])
    }

    /// Returns where the method of a path may be.
    pub(crate) fn get(&self, path: &str) -> Option<Place> {
        let hint = self.0[number(path)].load(Ordering::Relaxed);
        let hint = hint.checked_sub(FIRST)?;
        Some(Place {
            part: (hint >> SLOT_BITS) as u32,
            slot: hint as u32,
        })
    }

    /// Keeps where the method of a path is, unless another path has this hint.
    pub(crate) fn keep(&self, path: &str, place: Place) {
        let hint = u64::from(place.part) << SLOT_BITS | u64::from(place.slot);
        let own = &self.0[number(path)];
        if own.load(Ordering::Relaxed) == 0 {
            own.store(hint + FIRST, Ordering::Relaxed);
        }
    }
}

/// Returns the number of the hint of a path.
fn number(path: &str) -> usize {
    let address = path.as_ptr() as usize;
    (address ^ (address >> 6)) % HINTS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first path with a hint keeps it. One at another place has another hint or the same, so what is
    /// found is compared.
    #[test]
    fn the_first_path_keeps_a_hint() {
        let hints = PathHints::new();
        let text = "/a.B/C".repeat(2);
        let (path, place) = (&text[..6], Place { part: 3, slot: 0 });
        assert_eq!(hints.get(path), None);
        hints.keep(path, place);
        assert_eq!(hints.get(path), Some(place));
        hints.keep(path, Place { part: 0, slot: 7 });
        assert_eq!(hints.get(path), Some(place));
        assert_eq!(hints.get(&text[6..]), None);
    }
}
