//! Counting allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which counts the allocations of each thread. Install it with
/// `#[global_allocator]`.
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
}

/// How many allocations this thread makes in `work`; 0 if the allocator is not installed.
pub fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}
