//! Durations.

use std::time::Duration;

use super::fault::{Faults, Place};

/// The most seconds of a duration: 10,000 years.
///
/// Source: [`google.protobuf.Duration`](https://protobuf.dev/reference/protobuf/google.protobuf/#duration).
const MOST_SECONDS: i64 = 315_576_000_000;

/// The most nanoseconds beside the seconds.
const MOST_NANOSECONDS: i32 = 999_999_999;

/// Reads a message `Duration`, which must not be negative.
pub(super) fn decode(
    message: &prost_types::Duration,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<Duration> {
    let prost_types::Duration { seconds, nanos } = *message;
    let is_valid = (0..=MOST_SECONDS).contains(&seconds) && (0..=MOST_NANOSECONDS).contains(&nanos);
    if !is_valid {
        let text = format!("invalid duration: {seconds} seconds and {nanos} nanoseconds");
        faults.add(place, text);
        return None;
    }
    Some(Duration::new(seconds.unsigned_abs(), nanos.unsigned_abs()))
}
