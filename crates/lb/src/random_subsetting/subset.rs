//! The choice of a subset of endpoints.

use std::fmt::Write;
use std::sync::Arc;

use trunkline_endpoint::Endpoint;
use twox_hash::XxHash64;

/// Returns the `size` endpoints whose first addresses have the smallest hashes with this seed, in the
/// order of the hashes; all endpoints, in their own order, if there are no more.
///
/// Endpoints without an address are left out, and so are repetitions of an endpoint where there is a
/// choice. An endpoint keeps its hash, so that one endpoint more or less changes at most one of the
/// subset (rendezvous hashing).
///
/// Source: [gRFC A68](https://github.com/grpc/proposal/blob/master/A68-random-subsetting.md),
/// "Subsetting algorithm". The hashed text is the address as it prints: 192.0.2.1:443. (grpc-go
/// hashes its debug form, which has the attributes. Clients need not agree: each has a seed of its
/// own.)
pub(super) fn subset(endpoints: &Arc<[Endpoint]>, size: usize, seed: u64) -> Arc<[Endpoint]> {
    let mut text = String::new();
    let hashed = endpoints.iter().filter_map(|endpoint| {
        text.clear();
        let _ = write!(text, "{}", endpoint.addresses().first()?.location());
        Some((XxHash64::oneshot(seed, text.as_bytes()), endpoint))
    });
    let mut hashed: Vec<(u64, &Endpoint)> = hashed.collect();
    if hashed.len() <= size {
        if hashed.len() == endpoints.len() {
            return Arc::clone(endpoints);
        }
        return hashed
            .iter()
            .map(|(_, endpoint)| (*endpoint).clone())
            .collect();
    }
    // Stable, so that the first of several entries with one address stays the first.
    hashed.sort_by_key(|(hash, _)| *hash);
    hashed.dedup_by(|(hash, endpoint), (before, earlier)| {
        hash == before && endpoint.same_addresses(earlier)
    });
    hashed
        .iter()
        .take(size)
        .map(|(_, endpoint)| (*endpoint).clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use trunkline_endpoint::Endpoint;

    use super::subset;

    fn list(hosts: impl IntoIterator<Item = u8>) -> Arc<[Endpoint]> {
        let endpoint = |host| Endpoint::new([SocketAddr::from(([10, 0, 0, host], 443))]);
        hosts.into_iter().map(endpoint).collect()
    }

    /// The subsets that another program chooses with XXH64 and the seed 0.
    #[test]
    fn known_subsets() {
        for (count, expected) in [
            (10, [2, 9, 5, 1, 7]),
            (15, [2, 9, 5, 14, 1]),
            (200, [18, 31, 32, 118, 153]),
        ] {
            assert_eq!(subset(&list(0..count), 5, 0), list(expected), "{count}");
        }
    }

    /// Up to as many endpoints as the subset has are all used, in the order of the list.
    #[test]
    fn all() {
        for size in [5, 10] {
            assert_eq!(subset(&list(0..5), size, 0), list(0..5));
        }
        assert_eq!(subset(&list([]), 3, 0), list([]));
    }

    /// Endpoints without an address do not count, and an endpoint is not chosen twice.
    #[test]
    fn unusable_and_repeated_endpoints() {
        let mut with_none = list(0..3).to_vec();
        with_none.insert(1, Endpoint::default());
        assert_eq!(subset(&with_none.into(), 3, 0), list(0..3));
        let twice = list((0..10).flat_map(|host| [host, host]));
        assert_eq!(subset(&twice, 5, 0), subset(&list(0..10), 5, 0));
    }
}
