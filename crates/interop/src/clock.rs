//! The clock, and waiting for other processes.

use std::thread;
use std::time::{Duration, Instant};

use crate::wrong::Wrong;

/// How often [`until`] tests its condition.
const TICK: Duration = Duration::from_millis(10);

/// The maximum wait for anything. What the checks wait for comes within a few seconds, and on a very busy machine
/// within half a minute, so after this time it never will.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The current time.
#[expect(
    clippy::disallowed_methods,
    reason = "this program times real processes, and no caller passes it a time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until this time.
pub(crate) fn wait_until(time: Instant) {
    loop {
        let left = time.saturating_duration_since(now());
        if left.is_zero() {
            return;
        }
        // A spurious wake-up is harmless: the time is compared again.
        thread::park_timeout(left);
    }
}

/// Waits until `holds` returns true, and returns how long that took.
///
/// # Errors
///
/// When `holds` fails, and after [`LIMIT`]: the message names `what` was waited for.
pub(crate) fn until(
    what: &str,
    holds: impl FnMut() -> Result<bool, Wrong>,
) -> Result<Duration, Wrong> {
    until_within(what, LIMIT, holds)
}

/// Waits as [`until`] does, but up to `limit`.
pub(crate) fn until_within(
    what: &str,
    limit: Duration,
    mut holds: impl FnMut() -> Result<bool, Wrong>,
) -> Result<Duration, Wrong> {
    let start = now();
    while !holds()? {
        if now() - start > limit {
            return Err(format!("waited {} s in vain: {what}", limit.as_secs()).into());
        }
        // A spurious wake-up is harmless: the condition is tested again.
        thread::park_timeout(TICK);
    }
    Ok(now() - start)
}
