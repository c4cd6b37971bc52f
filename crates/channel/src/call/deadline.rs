//! Deadlines of calls.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use trunkline_status::{Code, Status};

use crate::call_timer::DeadlinePlace;
use crate::shared::ChannelShared;

/// The header with the time that a call has.
///
/// Source: [gRPC over HTTP/2, Requests](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
pub(crate) static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The latest time for the end of a call.
pub(crate) struct Deadline {
    timeout: Duration,
    at: Instant,
    place: DeadlinePlace,
}

impl Deadline {
    /// Returns the deadline of a call of the channel that began at `now`.
    pub(crate) fn new(timeout: Duration, channel: &ChannelShared, now: Instant) -> Option<Self> {
        // A time that the clock cannot represent is never reached.
        let at = now.checked_add(timeout)?;
        Some(Self {
            timeout,
            at,
            place: channel.call_timer.place(&channel.runtime, now),
        })
    }

    /// Returns the time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.at
            .saturating_duration_since(self.place.runtime().now())
    }

    /// Returns true once the deadline has passed. Does not wait.
    pub(crate) fn is_past(&self) -> bool {
        self.left().is_zero()
    }

    /// Returns the status of a call that ends now with `status`, while it is `doing` something:
    /// `DEADLINE_EXCEEDED` in place of a failure if its deadline has passed. A server that cancels
    /// the call at its deadline can be faster than the timer on this side, for example.
    ///
    /// Source: [gRPC over HTTP/2, Errors](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors).
    pub(crate) fn final_status(
        deadline: Option<&Self>,
        status: Status,
        doing: impl Fn() -> String,
    ) -> Status {
        match deadline {
            Some(deadline) if status.code() != Code::Ok && deadline.is_past() => {
                deadline.status(&doing())
            }
            _ => status,
        }
    }

    /// Returns the time from the start of the call to the deadline.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Waits for the deadline.
    pub(crate) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.place.poll_passed(self.at, cx)
    }

    /// Returns the status of a call whose deadline passed while it was `doing` something.
    pub(crate) fn status(&self, doing: &str) -> Status {
        self.passed().status(doing)
    }

    fn passed(&self) -> DeadlinePassed {
        DeadlinePassed {
            timeout: self.timeout,
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Waits for `future`, but no longer than the deadline.
pub(crate) async fn bounded<T>(
    deadline: &mut Option<Deadline>,
    doing: impl Fn() -> String,
    future: impl Future<Output = T>,
) -> Result<T, Status> {
    within(deadline, pin!(future))
        .await
        .map_err(|passed| passed.status(&doing()))
}

/// Waits for `future`, but no longer than the deadline.
pub(crate) fn within<F: Future + Unpin>(
    deadline: &mut Option<Deadline>,
    future: F,
) -> Within<'_, F> {
    Within { deadline, future }
}

/// Waits for a future, but no longer than a deadline.
///
/// It is no `async` function, because that would move the output of every call once more.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Within<'a, F> {
    deadline: &'a mut Option<Deadline>,
    future: F,
}

impl<F: Future + Unpin> Future for Within<'_, F> {
    type Output = Result<F::Output, DeadlinePassed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(output) = Pin::new(&mut this.future).poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let Some(deadline) = this.deadline else {
            return Poll::Pending;
        };
        deadline.poll_passed(cx).map(|()| Err(deadline.passed()))
    }
}

/// A deadline that has passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadlinePassed {
    timeout: Duration,
}

impl DeadlinePassed {
    /// Returns the status of a call whose deadline passed while it was `doing` something.
    pub(crate) fn status(self, doing: &str) -> Status {
        Status::deadline_exceeded(format!(
            "deadline of {:?} exceeded while {doing}",
            self.timeout
        ))
    }
}

/// Parses a `grpc-timeout`: up to eight digits and a unit. Returns `None` for an invalid value, which
/// the server rejects.
///
/// Source: [gRPC over HTTP/2, Requests](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
pub(crate) fn parse_grpc_timeout(value: &HeaderValue) -> Option<Duration> {
    let [digits @ .., unit] = value.as_bytes() else {
        return None;
    };
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let mut number: u64 = 0;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number * 10 + u64::from(digit);
    }
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Writes the `grpc-timeout` of an attempt for which this time is left.
///
/// It is sent as a header that is never indexed. Hardly two such attempts have the same time left. Their
/// values would fill the table of the header compression, and each later `grpc-timeout` of the connection
/// would be compared with all of them.
///
/// Source: [RFC 7541 section 6.2.3](https://www.rfc-editor.org/rfc/rfc7541#section-6.2.3).
pub(crate) fn format_time_left(left: Duration) -> HeaderValue {
    // The protocol requires a positive number.
    let mut value = format_grpc_timeout(left.max(Duration::from_nanos(1)));
    value.set_sensitive(true);
    value
}

/// Writes `grpc-timeout`, in the finest unit whose number fits into eight digits, rounded up.
pub(crate) fn format_grpc_timeout(timeout: Duration) -> HeaderValue {
    const MAX: u128 = 99_999_999;
    let units = [
        ("n", 1),
        ("u", 1_000),
        ("m", 1_000_000),
        ("S", 1_000_000_000),
    ];
    let nanos = timeout.as_nanos();
    let text = units
        .into_iter()
        .map(|(unit, size)| (unit, nanos.div_ceil(size)))
        .find(|(_, number)| *number <= MAX)
        .map_or_else(
            || format!("{MAX}H"),
            |(unit, number)| format!("{number}{unit}"),
        );
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("99999999H"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A timeout is written exactly, or rounded up to the next that can be written.
    #[test]
    fn grpc_timeout_is_written_as_it_is_read() {
        for (timeout, text) in [
            (Duration::ZERO, "0n"),
            (Duration::from_millis(1), "1000000n"),
            (Duration::from_millis(250), "250000u"),
            (Duration::from_nanos(100_000_001), "100001u"),
            (Duration::from_secs(86_400), "86400000m"),
        ] {
            assert_eq!(format_grpc_timeout(timeout), text);
        }
    }

    /// The time left is positive, and does not go into the table of the header compression.
    #[test]
    fn the_time_left_is_never_indexed() {
        for (left, text) in [(0, "1n"), (1_500, "1500n")] {
            let value = format_time_left(Duration::from_nanos(left));
            assert_eq!(value, text);
            assert!(value.is_sensitive());
        }
    }

    fn check(text: &str, expected: Option<Duration>) {
        let value = text.parse().expect("a header value");
        assert_eq!(parse_grpc_timeout(&value), expected, "{text:?}");
    }

    /// TimeoutValue is a positive integer of at most 8 digits, TimeoutUnit one of H M S m u n.
    #[test]
    fn grpc_timeout_is_read_as_the_standard_says() {
        check("1H", Some(Duration::from_secs(3600)));
        check("2M", Some(Duration::from_secs(120)));
        check("99999999S", Some(Duration::from_secs(99_999_999)));
        check("250m", Some(Duration::from_millis(250)));
        check("5u", Some(Duration::from_micros(5)));
        check("7n", Some(Duration::from_nanos(7)));
        check("0m", Some(Duration::ZERO));
        for bad in ["", "S", "1", "123456789S", "1s", "-1S", "1.5S", "1 S"] {
            check(bad, None);
        }
    }
}
