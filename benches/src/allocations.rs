//! Counting allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// A counter that all threads share costs time, so it only counts when asked to.
static IS_COUNTING_ALL: AtomicBool = AtomicBool::new(false);
static COUNT_OF_ALL: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which counts the allocations. Install it with `#[global_allocator]`.
#[derive(Debug)]
pub struct CountingAllocator;

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it only forwards"
)]
// SAFETY: every call is forwarded as it came to the system's allocator, which keeps the contract;
// counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: see above.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: see above.
        unsafe { System.dealloc(old, layout) }
    }
}

fn count() {
    // At the end of a thread its count is gone, and nobody asks for it.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    if IS_COUNTING_ALL.load(Relaxed) {
        COUNT_OF_ALL.fetch_add(1, Relaxed);
    }
}

/// How many allocations this thread makes in `work`; 0 if the allocator is not installed.
pub fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// How many allocations all threads make during `work`; 0 if the allocator is not installed.
pub fn allocations_of_all_threads(work: impl FnOnce()) -> u64 {
    let before = COUNT_OF_ALL.load(Relaxed);
    IS_COUNTING_ALL.store(true, Relaxed);
    work();
    IS_COUNTING_ALL.store(false, Relaxed);
    COUNT_OF_ALL.load(Relaxed) - before
}
