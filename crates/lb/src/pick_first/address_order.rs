//! The order in which `pick_first` tries the addresses of its endpoints.

use trunkline_backoff::Rng;
use trunkline_endpoint::{
    Address, AddressMap, BackendLabels, Endpoint, Family, Location, Weight, interleave,
};

use crate::labels::labelled_addresses;

/// Returns the addresses in the order to try them: shuffles the endpoints if `shuffle` has a
/// generator, flattens them, keeps each address once, and interleaves the address families. Each address
/// gets the labels of its endpoint, else those of the policy, `labels`.
///
/// Source:
/// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md),
/// which defines the order of these steps.
pub(super) fn ordered_addresses(
    endpoints: &[Endpoint],
    labels: &BackendLabels,
    shuffle: Option<&mut Rng>,
) -> Vec<Address> {
    let mut endpoints: Vec<&Endpoint> = endpoints.iter().collect();
    if let Some(rng) = shuffle {
        shuffle_by_weight(&mut endpoints, rng);
    }
    let mut seen = AddressMap::new();
    let distinct: Vec<Address> = endpoints
        .into_iter()
        .flat_map(|endpoint| labelled_addresses(endpoint, labels))
        .filter(|address| seen.insert(address.clone(), ()).is_none())
        .collect();
    interleave(distinct, family, 1)
}

fn family(address: &Address) -> Family {
    match address.location() {
        Location::Socket(address) => Family::from(*address),
        _ => Family::Other,
    }
}

/// Puts the endpoints into a random order, in which a heavier one is more likely to come early.
///
/// gRFC A113 draws `u` for each endpoint and sorts by `u^(1/weight)`, descending. This sorts by the
/// logarithm instead: the order is the same, but the keys of heavy endpoints are not all rounded
/// to 1.
fn shuffle_by_weight(endpoints: &mut [&Endpoint], rng: &mut Rng) {
    endpoints.sort_by_cached_key(|endpoint| {
        let weight = endpoint.attributes().get::<Weight>();
        let weight = f64::from(weight.copied().unwrap_or(1).max(1));
        // The key is 0 or more (infinite if 0 was drawn), so its bits sort as it does.
        (-rng.fraction().ln() / weight).to_bits()
    });
}
