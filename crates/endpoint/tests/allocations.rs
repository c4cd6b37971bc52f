//! Looking up an endpoint of up to 8 addresses allocates nothing.

use std::hint::black_box;
use std::net::SocketAddr;

use trunkline_endpoint::{Endpoint, EndpointMap};

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
        let allocated = allocation_counter::measure(|| {
            let (found, missed) = (map.get(key), map.get(&absent));
            assert_eq!(black_box((found, missed)), (Some(&n), None));
        });
        assert_eq!(
            allocated.count_total > 0,
            n > 8,
            "{allocated:?}, {n} addresses"
        );
    }
}
