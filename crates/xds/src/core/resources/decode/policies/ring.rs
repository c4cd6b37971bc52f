//! The configuration of ring_hash.

use serde_json::{Value, json};

use crate::core::resources::fault::{Faults, Place};

/// The name of the policy.
pub(super) const NAME: &str = "ring_hash_experimental";

/// The least size of a ring that gives none.
///
/// Source: [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md).
const DEFAULT_MINIMUM: u64 = 1024;

/// The most size of a ring that gives none, and the most that one can give.
const MOST: u64 = 8_388_608;

/// Returns the name and the configuration of the policy with these sizes, whose fields are called
/// `minimum_ring_size` and `maximum_ring_size`.
pub(in crate::core::resources::decode) fn ring_hash(
    minimum: Option<u64>,
    maximum: Option<u64>,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<(&'static str, Value)> {
    let (minimum, maximum) = (minimum.unwrap_or(DEFAULT_MINIMUM), maximum.unwrap_or(MOST));
    let mut is_valid = true;
    for (name, size) in [
        ("minimum_ring_size", minimum),
        ("maximum_ring_size", maximum),
    ] {
        if size > MOST {
            faults.add(
                &place.field(name),
                format!("must be at most {MOST}, is {size}"),
            );
            is_valid = false;
        }
    }
    if minimum > maximum {
        let text = format!("{minimum} is above maximum_ring_size, which is {maximum}");
        faults.add(&place.field("minimum_ring_size"), text);
        is_valid = false;
    }
    // In the policy's own configuration 0 means its default.
    let config = json!({ "minRingSize": minimum.max(1), "maxRingSize": maximum.max(1) });
    is_valid.then_some((NAME, config))
}
