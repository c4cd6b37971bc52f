//! From endpoints to the list of addresses to try.

use trunkline_backoff::Rng;
use trunkline_endpoint::{Address, AddressMap, Endpoint, Family, Location, Weight, interleave};

/// The addresses in the order to try them: endpoints shuffled, if there is a generator for it,
/// flattened, each address once, families taken in turn.
///
/// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md),
/// which fixes the order of these steps.
pub(super) fn addresses(endpoints: &[Endpoint], shuffle: Option<&mut Rng>) -> Vec<Address> {
    let mut endpoints: Vec<&Endpoint> = endpoints.iter().collect();
    if let Some(rng) = shuffle {
        shuffle_by_weight(&mut endpoints, rng);
    }
    let mut seen = AddressMap::new();
    let distinct: Vec<Address> = endpoints
        .into_iter()
        .flat_map(Endpoint::addresses)
        .filter(|&address| seen.insert(address.clone(), ()).is_none())
        .cloned()
        .collect();
    interleave(distinct, family, 1)
}

fn family(address: &Address) -> Family {
    match address.location() {
        Location::Socket(address) => Family::from(*address),
        _ => Family::Other,
    }
}

/// Puts endpoints into an order drawn at random, where a heavier one is more likely to be early.
///
/// gRFC A113 sorts by `u^(1/weight)`, descending. We sort by its logarithm, which is the same
/// order, without the powers of heavy endpoints being rounded to one and the same 1.
fn shuffle_by_weight(endpoints: &mut [&Endpoint], rng: &mut Rng) {
    endpoints.sort_by_cached_key(|endpoint| {
        let weight = endpoint.attributes().get::<Weight>();
        let weight = f64::from(weight.copied().unwrap_or(1).max(1));
        // From 0 up, and ordered as its bits are; infinite where 0 was drawn.
        (-rng.fraction().ln() / weight).to_bits()
    });
}
