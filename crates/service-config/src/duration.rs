//! Durations in the JSON form of protobuf.

use std::time::Duration;

use crate::ConfigError;

/// The longest duration of protobuf: 10,000 years.
const MAX_SECS: u64 = 315_576_000_000;

/// Parses a duration such as `1.5s`: decimal seconds with at most nine digits after the point, then
/// an `s`.
///
/// Digits may be missing on one side of the point, as in `.5s` and `1.s`. A sign is an error: no
/// field of a service config accepts a negative duration, and C-core rejects them too.
///
/// ```
/// use std::time::Duration;
/// use trunkline_service_config::parse_duration;
///
/// assert_eq!(parse_duration("1.000340012s")?, Duration::new(1, 340_012));
/// assert!(parse_duration("250ms").is_err());
/// # Ok::<(), trunkline_service_config::ConfigError>(())
/// ```
///
/// # Errors
///
/// When the text is anything else, or longer than protobuf's 315,576,000,000 s.
///
/// Source: [protobuf's Duration](https://protobuf.dev/reference/protobuf/google.protobuf/#duration).
pub fn parse_duration(text: &str) -> Result<Duration, ConfigError> {
    let wrong = |problem: &str| ConfigError::new(format!("{problem}, found {text:?}"));
    let shape = || wrong("expected decimal seconds such as \"1.5s\"");
    let number = text.strip_suffix('s').ok_or_else(shape)?;
    if let Some(positive) = number.strip_prefix('-')
        && digits_around_point(positive).is_some()
    {
        return Err(wrong("expected a duration that is not negative"));
    }
    let (whole, fraction) = digits_around_point(number).ok_or_else(shape)?;
    if fraction.len() > 9 {
        return Err(wrong("expected at most nine digits after the point"));
    }
    // An empty part is zero. A part that overflows its type is above the limit.
    let secs = match whole {
        "" => Some(0),
        whole => whole.parse().ok(),
    };
    let nanos = format!("{fraction:0<9}").parse().unwrap_or(0);
    secs.filter(|secs| *secs < MAX_SECS || (*secs == MAX_SECS && nanos == 0))
        .map(|secs| Duration::new(secs, nanos))
        .ok_or_else(|| wrong("expected at most 315576000000 seconds"))
}

/// Returns the digits before and after the point; `None` if there is anything else, or no digit.
fn digits_around_point(number: &str) -> Option<(&str, &str)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let any = !whole.is_empty() || !fraction.is_empty();
    (any && digits(whole) && digits(fraction)).then_some((whole, fraction))
}
