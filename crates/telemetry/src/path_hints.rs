//! The tags of paths, by the places of these paths in memory.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of hints of a channel.
const HINTS: usize = 64;

/// No tag.
const NONE: u64 = 0;

/// The tags that paths probably have, by the places of these paths in memory.
///
/// A stub has its paths in static memory, so the address of a path finds its tag, and the text need not be
/// hashed. What the tag names must be compared with the path: another text can have the same address later.
/// Hints are written once, so that threads share memory that does not change.
#[derive(Debug)]
pub(crate) struct PathHints([AtomicU64; HINTS]);

impl PathHints {
    pub(crate) fn new() -> Self {
        Self([const { AtomicU64::new(NONE) }; HINTS])
    }

    /// Returns the tag that a path may have.
    #[inline]
    pub(crate) fn get(&self, path: &str) -> Option<u64> {
        let tag = self.0[number(path)].load(Ordering::Relaxed);
        (tag != NONE).then_some(tag)
    }

    /// Keeps the tag of a path, which is not 0, unless another path has this hint.
    pub(crate) fn keep(&self, path: &str, tag: u64) {
        let own = &self.0[number(path)];
        if own.load(Ordering::Relaxed) == NONE {
            own.store(tag, Ordering::Relaxed);
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
        let path = &text[..6];
        assert_eq!(hints.get(path), None);
        hints.keep(path, 3);
        assert_eq!(hints.get(path), Some(3));
        hints.keep(path, 7);
        assert_eq!(hints.get(path), Some(3));
        assert_eq!(hints.get(&text[6..]), None);
    }
}
