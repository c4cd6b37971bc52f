//! Parsing a target by reference allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use trunkline_target::TargetRef;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "an allocator that counts")]
// SAFETY: every call is forwarded to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Parsing targets with and without escapes allocates nothing. `to_target` allocates, which shows
/// that the counting works.
#[test]
fn parsing() {
    for text in [
        "localhost:50051",
        "dns:///orders.example:443",
        "dns://8.8.8.8:53/orders.example",
        "dns:///%5B2001:db8::1%5D:443",
        "unix:///var/run/orders.sock",
        "ipv4:10.0.0.1:80,10.0.0.2:80,10.0.0.3:80",
        "passthrough:///a%20b",
    ] {
        let before = ALLOCATIONS.with(Cell::get);
        let target = black_box(TargetRef::parse(text));
        let allocations = ALLOCATIONS.with(Cell::get) - before;
        assert_eq!(allocations, 0, "{text}");
        let target = target.expect(text).to_target();
        assert!(ALLOCATIONS.with(Cell::get) > before);
        assert_eq!(target.as_str(), text);
    }
}
