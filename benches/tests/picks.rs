//! Picking allocates nothing, as docs/architecture.md ("Invariants") requires.

use http::HeaderMap;
use trunkline_benches::allocations::{CountingAllocator, allocations};
use trunkline_benches::policies::{failing, pick_first, round_robin};
use trunkline_lb::{Pick, PickRequest};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn no_allocation() {
    assert!(
        allocations(|| drop(Box::new([0_u8; 64]))) > 0,
        "the allocator counts"
    );
    let metadata = HeaderMap::new();
    let request = PickRequest::new("/shop.Orders/Get", &metadata);
    for picker in [pick_first(), round_robin(1), round_robin(1000), failing()] {
        let count = allocations(|| {
            for _ in 0..1000 {
                let pick = picker.pick(&request);
                assert!(matches!(pick, Pick::Subchannel(_) | Pick::Fail(_)));
            }
        });
        assert_eq!(count, 0, "{picker:?}");
    }
}
