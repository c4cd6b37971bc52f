//! Values that threads do not share.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The most slots of one [`PerThread`].
const MOST_SLOTS: usize = 64;

/// One value for each thread, so that pickers can count without sharing a cache line.
///
/// A thread uses the same slot for its whole life, and one that ended leaves its slot to a later
/// thread. There are about twice as many slots as the machine runs threads at the same time, at most
/// 64. Two threads of a process with more threads may share a slot, so `T` is an atomic or another
/// type that threads can share: a shared slot costs time, never a wrong value.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use trunkline_lb::PerThread;
///
/// let calls = PerThread::new(|_| AtomicUsize::new(0));
/// calls.get().fetch_add(1, Ordering::Relaxed);
/// let total: usize = calls.iter().map(|count| count.load(Ordering::Relaxed)).sum();
/// assert_eq!(total, 1);
/// ```
#[derive(Debug)]
pub struct PerThread<T> {
    /// A power of two of them.
    slots: Box<[OwnLine<T>]>,
}

/// A value in cache lines of its own. Two lines, because processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct OwnLine<T>(T);

impl<T> PerThread<T> {
    /// Creates the values; `make` gets the number of the slot.
    pub fn new(make: impl FnMut(usize) -> T) -> Self {
        Self {
            slots: (0..slots()).map(make).map(OwnLine).collect(),
        }
    }

    /// Returns the value of the current thread.
    pub fn get(&self) -> &T {
        &self.slots[thread_number() & (self.slots.len() - 1)].0
    }

    /// Iterates over the values of all threads.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().map(|slot| &slot.0)
    }
}

/// Random numbers for pickers: many threads draw from it at the same time, and share no cache line.
///
/// The numbers of one thread depend on the seed and on its slot alone. Not for values that an
/// attacker must not guess.
///
/// Source: [SplitMix64](https://dl.acm.org/doi/10.1145/2714064.2660195).
#[derive(Debug)]
pub struct PickRng {
    /// The state of each thread's generator.
    states: PerThread<AtomicU64>,
}

/// The step of a SplitMix64 generator: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl PickRng {
    /// Creates a generator with this seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let state = |slot| mix(seed ^ mix(slot as u64));
        Self {
            states: PerThread::new(|slot| AtomicU64::new(state(slot))),
        }
    }

    /// Returns a random number.
    ///
    /// Two threads that share a slot may draw the same number at the same time: an atomic addition
    /// would cost each pick more than all else here.
    pub fn next_number(&self) -> u64 {
        let state = self.states.get();
        let now = state.load(Ordering::Relaxed);
        state.store(now.wrapping_add(STEP), Ordering::Relaxed);
        mix(now)
    }

    /// Returns a number from 0 up to, but not including, `bound`; 0 if `bound` is 0.
    ///
    /// Source: [Lemire's multiplication](https://arxiv.org/abs/1805.10941), without its correction:
    /// the bias is below `bound` / 2^64.
    pub fn below(&self, bound: usize) -> usize {
        let product = u128::from(self.next_number()) * bound as u128;
        (product >> 64) as usize
    }
}

/// Makes a number of which every bit depends on every bit of `state`.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(STEP);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Returns how many slots there are: a power of two, the same for the whole life of the process.
fn slots() -> usize {
    static SLOTS: OnceLock<usize> = OnceLock::new();
    *SLOTS.get_or_init(|| {
        let parallel = std::thread::available_parallelism().map_or(1, usize::from);
        (2 * parallel).next_power_of_two().min(MOST_SLOTS)
    })
}

thread_local! {
    /// The number of this thread; `None` before its first call.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Returns the number of the current thread, the lowest one that was free at its first call.
#[inline]
fn thread_number() -> usize {
    NUMBER.get().unwrap_or_else(take_number)
}

/// Takes a number for the current thread. Apart from the way of each pick, which it would make slower.
#[cold]
#[inline(never)]
fn take_number() -> usize {
    let own = Taken::new();
    let number = own.0;
    NUMBER.set(Some(number));
    // At the end of a thread that has dropped its values already, the number is free at once.
    let _ = TAKEN.try_with(|taken| taken.set(Some(own)));
    number
}

thread_local! {
    /// Gives the number of this thread back at its end. Apart from the number itself, because reading
    /// a value that has a destructor costs more.
    static TAKEN: Cell<Option<Taken>> = const { Cell::new(None) };
}

/// The number of a thread. Dropping it frees the number for another thread.
struct Taken(usize);

/// The numbers of threads.
struct Numbers {
    /// The lowest number that was never taken.
    next: usize,
    /// The numbers that were given back.
    free: BTreeSet<usize>,
}

/// Locked twice in the life of a thread.
static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
    next: 0,
    free: BTreeSet::new(),
});

impl Taken {
    /// Takes the lowest number that is free.
    fn new() -> Self {
        let mut numbers = numbers();
        Self(numbers.free.pop_first().unwrap_or_else(|| {
            numbers.next += 1;
            numbers.next - 1
        }))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        numbers().free.insert(self.0);
    }
}

fn numbers() -> MutexGuard<'static, Numbers> {
    // A panic cannot leave the numbers half changed.
    NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads that run at the same time have different numbers, and a number is used again after the
    /// end of its thread: a process that starts many threads does not make the later ones share slots.
    #[test]
    fn numbers_are_used_again() {
        let own = thread_number();
        let others: BTreeSet<usize> = (0..100)
            .map(|_| std::thread::spawn(thread_number).join().expect("no panic"))
            .collect();
        assert_eq!(thread_number(), own);
        assert!(!others.contains(&own));
        // Other tests of the process may take numbers meanwhile.
        assert!(others.len() < 50, "{others:?}");
    }
}
