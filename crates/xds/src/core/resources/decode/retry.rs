//! Retries of a route.

use std::time::Duration;

use trunkline_service_config::RetryPolicy;
use trunkline_status::Code;
use trunkline_xds_proto::envoy::config::route::v3 as proto;
use trunkline_xds_proto::envoy::config::route::v3::retry_policy::RetryBackOff;

use super::context::Validation;
use super::shared::duration;
use crate::core::resources::fault::Place;

/// The delay before the first retry where the policy has none.
///
/// Source: [gRFC A44](https://github.com/grpc/proposal/blob/master/A44-xds-retry.md).
const BASE_INTERVAL: Duration = Duration::from_millis(25);

/// How much longer than the first delay the longest one is, where the policy has none.
const LONGEST_FACTOR: u32 = 10;

/// The shortest delay.
const SHORTEST: Duration = Duration::from_millis(1);

/// Decodes a retry policy. `None` if it has no status code that gRPC retries: then there are no
/// retries.
pub(super) fn decode(
    message: &proto::RetryPolicy,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<RetryPolicy> {
    let retries = message.num_retries.unwrap_or(1);
    if retries == 0 {
        validation.add(&place.field("num_retries"), "must be at least 1");
    }
    let (base, longest) = match &message.retry_back_off {
        Some(back_off) => intervals(back_off, &place.field("retry_back_off"), validation)?,
        None => (BASE_INTERVAL, BASE_INTERVAL * LONGEST_FACTOR),
    };
    let codes: Vec<Code> = message.retry_on.split(',').filter_map(code).collect();
    if codes.is_empty() {
        return None;
    }
    Some(
        RetryPolicy::new(retries.saturating_add(1), codes)
            .with_initial_backoff(base.max(SHORTEST))
            .with_max_backoff(longest.max(SHORTEST))
            .with_backoff_multiplier(2.0),
    )
}

/// Returns the first delay and the longest one.
fn intervals(
    message: &RetryBackOff,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<(Duration, Duration)> {
    let base_place = place.field("base_interval");
    let longest_place = place.field("max_interval");
    let base = match message.base_interval {
        Some(base) => validation.check(&base_place, duration(base)),
        None => {
            validation.add(&base_place, "is required");
            None
        }
    };
    let longest = match message.max_interval {
        Some(longest) => Some(validation.check(&longest_place, duration(longest))?),
        None => None,
    };
    let base = base?;
    if base.is_zero() {
        validation.add(&base_place, "must be above 0");
    }
    let longest = longest.unwrap_or_else(|| base.saturating_mul(LONGEST_FACTOR));
    if longest < base {
        validation.add(&longest_place, "must be at least base_interval");
    }
    Some((base, longest))
}

fn code(name: &str) -> Option<Code> {
    let name = name.trim();
    let known = [
        ("cancelled", Code::Cancelled),
        ("deadline-exceeded", Code::DeadlineExceeded),
        ("internal", Code::Internal),
        ("resource-exhausted", Code::ResourceExhausted),
        ("unavailable", Code::Unavailable),
    ];
    let found = known
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known));
    found.map(|(_, code)| code)
}
