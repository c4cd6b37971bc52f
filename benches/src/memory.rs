//! Counts the bytes in use.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

use crate::allocations::CountingAllocator;

thread_local! {
    /// The bytes that this thread has allocated, less those that it has freed.
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

/// An allocator that counts bytes, and forwards to [`CountingAllocator`]. Install it with
/// `#[global_allocator]`.
#[derive(Debug)]
pub struct SizingAllocator;

#[expect(
    unsafe_code,
    reason = "an allocator needs unsafe code; this one only forwards"
)]
// SAFETY: every call is forwarded unchanged to another allocator, which upholds the contract.
// Counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for SizingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(size(layout.size()));
        // SAFETY: see above.
        unsafe { CountingAllocator.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        add(size(new) - size(layout.size()));
        // SAFETY: see above.
        unsafe { CountingAllocator.realloc(old, layout, new) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        add(-size(layout.size()));
        // SAFETY: see above.
        unsafe { CountingAllocator.dealloc(old, layout) }
    }
}

/// Returns a size as a number that can be negative. No allocation is larger than `isize::MAX`.
fn size(bytes: usize) -> i64 {
    bytes as i64
}

fn add(bytes: i64) {
    // Fails only at the end of a thread, when its count is gone and no longer needed.
    let _ = BYTES.try_with(|count| count.set(count.get() + bytes));
}

/// Returns by how many bytes `work` changes what this thread has in use, with its result; 0 if the
/// allocator is not installed.
pub fn growth<R>(work: impl FnOnce() -> R) -> (i64, R) {
    let before = BYTES.get();
    let result = work();
    (BYTES.get() - before, result)
}
