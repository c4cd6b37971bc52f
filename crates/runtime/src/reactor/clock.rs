//! The clock.

use std::time::Instant;

/// Returns the time of the monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where `Runtime::now` comes from"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
