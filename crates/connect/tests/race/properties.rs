//! A property of every list of addresses, checked on thousands of random lists. A failure prints
//! the seed of its list. The property of every race is `race` in `crates/fuzz`.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use fastrand::Rng;
use trunkline_connect::{AddressQuery, Family, Race, RaceOptions, SourceAddress, sort_rfc6724};
use trunkline_endpoint::interleave;

const LISTS: u64 = 5_000;

/// Returns one of a few addresses, so that duplicates are common.
fn address(rng: &mut Rng) -> SocketAddr {
    let host = rng.u8(1..12);
    let text = if rng.bool() {
        format!("192.0.2.{host}:443")
    } else {
        format!("[2001:db8::{host:x}]:443")
    };
    text.parse().unwrap()
}

/// Prints the seed of the list when it is dropped in a panic.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("list of seed {}", self.0);
        }
    }
}

/// A race tries any list in the order of `sort_rfc6724` and `interleave`, however the list is
/// divided into answers. That order has every address once.
#[test]
fn every_list_is_sorted_and_interleaved() {
    for seed in 0..LISTS {
        let mut rng = Rng::with_seed(seed);
        let seed = Seed(seed);
        let mut list: Vec<SocketAddr> = Vec::new();
        for _ in 0..rng.usize(..24) {
            let address = address(&mut rng);
            if !list.contains(&address) {
                list.push(address);
            }
        }
        // Addresses whose last byte is odd have no route.
        let probe = |to: SocketAddr| {
            let ip = to.ip();
            let last = match ip {
                IpAddr::V4(v4) => v4.octets()[3],
                IpAddr::V6(v6) => v6.octets()[15],
            };
            (last % 2 == 0).then(|| SourceAddress::new(ip))
        };
        let mut options = RaceOptions::default();
        options.first_family_count = rng.usize(..4);
        let mut sorted = list.clone();
        sort_rfc6724(&mut sorted, &probe);
        let count = options.first_family_count;
        let expected = interleave(sorted, |&one| Family::from(one), count);

        let now = Instant::now();
        let mut race = Race::awaiting(&[AddressQuery::All], options, now);
        for part in list.chunks(rng.usize(1..10)) {
            race.handle_addresses(AddressQuery::All, part.iter().copied(), &probe, now);
        }
        assert!(race.report().untried().eq(expected));
        drop(seed);
    }
}
