//! What a server asks of the retries of a call.

use std::time::Duration;

use http::HeaderMap;

/// The trailer with the answer of a server to the question when to retry.
const RETRY_PUSHBACK: &str = "grpc-retry-pushback-ms";

/// What a server asks of the retries of a call.
///
/// Source: [gRFC A6, pushback](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pushback {
    /// Nothing.
    #[default]
    Absent,
    /// The next attempt is to come after this delay.
    After(Duration),
    /// No attempt is to follow.
    Never,
}

impl Pushback {
    /// Reads the trailers of an attempt. A value that is no number asks for no retry.
    pub(crate) fn of(trailers: &HeaderMap) -> Self {
        let mut values = trailers.get_all(RETRY_PUSHBACK).iter();
        let (first, second) = (values.next(), values.next());
        let Some(value) = first else {
            return Self::Absent;
        };
        let millis = value.to_str().ok().and_then(|text| text.parse().ok());
        match millis.filter(|_| second.is_none()) {
            Some(millis @ 0_i32..) => {
                Self::After(Duration::from_millis(millis.unsigned_abs().into()))
            }
            _ => Self::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value is a signed integer of 32 bits in ASCII. One that is negative or cannot be read
    /// asks for no retry. (gRFC A6, pushback)
    #[test]
    fn pushback_is_read_as_the_grfc_requires() {
        let after = |millis| Pushback::After(Duration::from_millis(millis));
        for (values, expected) in [
            (&[][..], Pushback::Absent),
            (&["0"], after(0)),
            (&["2147483647"], after(2_147_483_647)),
            (&["2147483648"], Pushback::Never),
            (&["-1"], Pushback::Never),
            (&[""], Pushback::Never),
            (&["1s"], Pushback::Never),
            (&["10", "10"], Pushback::Never),
        ] {
            let mut trailers = HeaderMap::new();
            for value in values {
                trailers.append(RETRY_PUSHBACK, value.parse().expect("a header value"));
            }
            assert_eq!(Pushback::of(&trailers), expected, "{values:?}");
        }
    }
}
