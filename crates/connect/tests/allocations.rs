//! What a race may allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Instant;

use trunkline_connect::{KeepOrder, Output, Race, RaceOptions};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "an allocator that counts, for this test alone")]
// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller has promised to this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller has promised to this function.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<T>(work: impl FnOnce() -> T) -> usize {
    let before = COUNT.with(Cell::get);
    let kept = work();
    let count = COUNT.with(Cell::get) - before;
    drop(kept);
    count
}

/// A healthy race over two addresses allocates once, its report included.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the race begins at some instant; the clock is not read again"
)]
fn a_healthy_race_allocates_once() {
    let list: [SocketAddr; 2] =
        ["[2001:db8::1]:443", "192.0.2.1:443"].map(|text| text.parse().unwrap());
    let now = Instant::now();
    let count = allocations(|| {
        let mut race = Race::over(list, &KeepOrder, RaceOptions::default(), now);
        let Some(Output::Start { id, .. }) = race.poll_output(now) else {
            panic!("no start");
        };
        assert_eq!(race.poll_output(now), None);
        assert!(race.poll_timeout().is_some());
        race.handle_connected(id, now);
        assert!(matches!(race.poll_output(now), Some(Output::Ended(_))));
        race.into_report()
    });
    assert_eq!(count, 1);
}
