//! Counts allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// True while `COUNT_OF_ALL` counts. It is off by default, because a counter that all threads share
/// costs time.
static IS_COUNTING_ALL: AtomicBool = AtomicBool::new(false);
static COUNT_OF_ALL: AtomicU64 = AtomicU64::new(0);
/// What was allocated less what was freed, in bytes, while counting.
static BYTES_OF_ALL: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// An allocator that counts, and forwards to the system's. Install it with `#[global_allocator]`.
#[derive(Debug)]
pub struct CountingAllocator;

#[expect(
    unsafe_code,
    reason = "an allocator needs unsafe code; this one only forwards"
)]
// SAFETY: every call is forwarded unchanged to the system's allocator, which upholds the contract.
// Counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout.size()));
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        count(size(new) - size(layout.size()));
        // SAFETY: see above.
        unsafe { System.realloc(old, layout, new) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        if IS_COUNTING_ALL.load(Relaxed) {
            BYTES_OF_ALL.fetch_sub(size(layout.size()), Relaxed);
        }
        // SAFETY: see above.
        unsafe { System.dealloc(old, layout) }
    }
}

/// Returns a size as a number that can be negative. No allocation is larger than `isize::MAX`.
fn size(bytes: usize) -> i64 {
    bytes as i64
}

/// Counts an allocation that takes this many bytes more.
fn count(bytes: i64) {
    // Fails only at the end of a thread, when its counter is gone and no longer needed.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    if IS_COUNTING_ALL.load(Relaxed) {
        COUNT_OF_ALL.fetch_add(1, Relaxed);
        BYTES_OF_ALL.fetch_add(bytes, Relaxed);
    }
}

/// Returns how many allocations this thread makes in `work`; 0 if the allocator is not installed.
pub fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// Returns how many allocations all threads make during `work`; 0 if the allocator is not
/// installed.
pub fn allocations_of_all_threads(work: impl FnOnce()) -> u64 {
    let before = COUNT_OF_ALL.load(Relaxed);
    IS_COUNTING_ALL.store(true, Relaxed);
    work();
    IS_COUNTING_ALL.store(false, Relaxed);
    COUNT_OF_ALL.load(Relaxed) - before
}

/// Returns by how many bytes `work` changes what all threads have allocated, with its result; 0 if
/// the allocator is not installed.
pub fn growth_of_all_threads<R>(work: impl FnOnce() -> R) -> (i64, R) {
    let before = BYTES_OF_ALL.load(Relaxed);
    IS_COUNTING_ALL.store(true, Relaxed);
    let result = work();
    IS_COUNTING_ALL.store(false, Relaxed);
    (BYTES_OF_ALL.load(Relaxed) - before, result)
}
