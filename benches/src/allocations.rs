//! Counts allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// True while `COUNT_OF_ALL` counts. It is off by default, because a counter that all threads share
/// costs time.
static IS_COUNTING_ALL: AtomicBool = AtomicBool::new(false);
static COUNT_OF_ALL: AtomicU64 = AtomicU64::new(0);

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
    // Fails only at the end of a thread, when its counter is gone and no longer needed.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    if IS_COUNTING_ALL.load(Relaxed) {
        COUNT_OF_ALL.fetch_add(1, Relaxed);
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
