//! Looking up an endpoint of up to 8 addresses allocates nothing. Cloning an endpoint allocates
//! nothing.

use std::hint::black_box;
use std::net::SocketAddr;

use trunkline_endpoint::{Address, Endpoint, EndpointMap};

/// A lookup of 1 to 8 addresses allocates nothing, whether the map has them or not. A lookup of 9
/// does allocate, which shows that the test counts.
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

/// A clone allocates nothing, with any number of addresses, with and without server names.
#[test]
fn clones() {
    let named = |port| Address::new(SocketAddr::from(([192, 0, 2, 1], port))).with_server_name("a");
    for count in 0..=9 {
        let plain = Endpoint::new((0..count).map(|port| SocketAddr::from(([192, 0, 2, 1], port))));
        let named = Endpoint::new((0..count).map(named));
        let allocated = allocation_counter::measure(|| {
            black_box((plain.clone(), named.clone()));
        });
        assert_eq!(allocated.count_total, 0, "{count} addresses");
    }
}
