//! Fields that several resources have.

use std::time::Duration;

use trunkline_xds_proto::envoy::config::core::v3::ConfigSource;
use trunkline_xds_proto::envoy::r#type::v3::FractionalPercent;
use trunkline_xds_proto::envoy::r#type::v3::fractional_percent::DenominatorType;

use crate::core::resources::fraction::Fraction;

/// The most seconds of a duration.
///
/// Source: [duration.proto](https://protobuf.dev/reference/protobuf/google.protobuf/#duration).
const MOST_SECONDS: u64 = 315_576_000_000;

/// Returns a duration.
///
/// # Errors
///
/// When it is negative, too long, or has nanoseconds outside 0 to 999,999,999.
pub(super) fn duration(value: prost_types::Duration) -> Result<Duration, String> {
    let seconds = u64::try_from(value.seconds).ok();
    let nanos = u32::try_from(value.nanos).ok();
    match (seconds, nanos) {
        (Some(seconds @ ..=MOST_SECONDS), Some(nanos @ ..=999_999_999)) => {
            Ok(Duration::new(seconds, nanos))
        }
        _ => Err(format!(
            "bad duration: {} s and {} ns",
            value.seconds, value.nanos
        )),
    }
}

/// Returns a share of calls. A numerator above the denominator counts as all calls.
///
/// # Errors
///
/// When the denominator is unknown.
pub(super) fn fraction(value: FractionalPercent) -> Result<Fraction, String> {
    let scale = match DenominatorType::try_from(value.denominator) {
        Ok(DenominatorType::Hundred) => 10_000,
        Ok(DenominatorType::TenThousand) => 100,
        Ok(DenominatorType::Million) => 1,
        Err(_) => return Err(format!("unknown denominator {}", value.denominator)),
    };
    Ok(Fraction::from_millionths(
        u64::from(value.numerator) * scale,
    ))
}

/// Checks where another resource comes from.
///
/// # Errors
///
/// When it is neither `ads` nor `self`.
pub(super) fn config_source(source: Option<&ConfigSource>) -> Result<(), &'static str> {
    match source.and_then(|source| source.config_source_specifier.as_ref()) {
        Some(_) => Ok(()),
        None => Err("must be ads or self"),
    }
}
