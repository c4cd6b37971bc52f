//! The limits of calls and connections of a cluster.

use std::num::NonZeroU32;

use trunkline_xds_proto::envoy::config::cluster::v3::CircuitBreakers;
use trunkline_xds_proto::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use trunkline_xds_proto::envoy::config::core::v3::RoutingPriority;

use crate::core::resources::fault::{Faults, Place};

/// The most calls in flight of a cluster that has no number.
///
/// Source: [gRFC A32](https://github.com/grpc/proposal/blob/master/A32-xds-circuit-breaking.md).
const DEFAULT_MAX_REQUESTS: u32 = 1024;

/// Returns the most calls in flight.
pub(super) fn max_requests(limits: Option<&CircuitBreakers>) -> u32 {
    let thresholds = limits.and_then(|limits| of_calls(&limits.thresholds));
    let max_requests = thresholds.and_then(|(_, thresholds)| thresholds.max_requests);
    max_requests.unwrap_or(DEFAULT_MAX_REQUESTS)
}

/// Reads the most connections to an address.
///
/// Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max-concurrent-streams-connection-scaling.md).
pub(super) fn max_connections_per_host(
    limits: Option<&CircuitBreakers>,
    faults: &mut Faults,
) -> Option<NonZeroU32> {
    let (at, thresholds) = limits.and_then(|limits| of_calls(&limits.per_host_thresholds))?;
    let max = thresholds.max_connections?;
    let number = NonZeroU32::new(max);
    if number.is_none() {
        let place = Place::Root.field("circuit_breakers");
        let place = place.field("per_host_thresholds");
        let place = place.item(at);
        faults.add(&place.field("max_connections"), "must be above 0");
    }
    number
}

/// Returns the first limits of the priority that calls have, and their index.
fn of_calls(all: &[Thresholds]) -> Option<(usize, &Thresholds)> {
    let priority = i32::from(RoutingPriority::Default);
    let mut all = all.iter().enumerate();
    all.find(|(_, thresholds)| thresholds.priority == priority)
}
