//! Looking up an endpoint of up to 8 addresses allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::SocketAddr;

use trunkline_endpoint::{Endpoint, EndpointMap};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "an allocator that counts")]
// SAFETY: everything is left to the system's allocator.
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

/// 1 to 8 addresses, there and not there; 9 may allocate, which shows that counting works.
#[test]
fn lookups() {
    let endpoint = |ports: std::ops::Range<u16>| {
        Endpoint::new(ports.map(|port| SocketAddr::from(([192, 0, 2, 1], port))))
    };
    let keys: Vec<Endpoint> = (1..=9).map(|n| endpoint(1..n + 1)).collect();
    let map: EndpointMap<usize> = keys.iter().cloned().zip(1..).collect();
    let absent = endpoint(100..108);
    for (key, n) in keys.iter().zip(1..) {
        let before = ALLOCATIONS.with(Cell::get);
        let found = black_box(map.get(key));
        let missed = black_box(map.get(&absent));
        let allocations = ALLOCATIONS.with(Cell::get) - before;
        assert_eq!((found, missed), (Some(&n), None));
        assert_eq!(allocations > 0, n > 8, "{allocations} for {n} addresses");
    }
}
